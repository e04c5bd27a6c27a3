"""Home Assistant's device classes, state classes and units, as far as a number that somebody reads can have them.

Source: homeassistant/components/sensor/const.py (DEVICE_CLASS_UNITS, DEVICE_CLASS_STATE_CLASSES) of Home Assistant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

DeviceClass = Literal[
    "auto", "none", "apparent_power", "battery", "current", "distance", "duration", "energy", "energy_storage",
    "frequency", "gas", "humidity", "illuminance", "moisture", "power", "precipitation", "pressure",
    "reactive_energy", "reactive_power", "speed", "temperature", "voltage", "volume", "volume_flow_rate",
    "volume_storage", "water", "weight",
]  # fmt: skip
"""`auto`: from the unit and the rules of the field."""
StateClass = Literal["auto", "none", "measurement", "total", "total_increasing"]
"""`auto`: from the device class and the rules of the field."""

_VOLUMES = ("m³", "ft³", "CCF", "L", "gal")
UNITS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("°C", "°F", "K"),
    "voltage": ("mV", "V", "kV"),
    "current": ("mA", "A"),
    "power": ("mW", "W", "kW", "MW", "GW"),
    "energy": ("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ", "cal", "kcal", "Mcal", "Gcal"),
    "frequency": ("Hz", "kHz", "MHz"),
    "pressure": ("mbar", "bar", "Pa", "hPa", "kPa", "psi"),
    "weight": ("mg", "g", "kg", "oz", "lb"),
    "distance": ("mm", "cm", "m", "km", "in", "ft", "yd", "mi"),
    "duration": ("s", "min", "h", "d"),
    "volume": (*_VOLUMES, "mL", "fl. oz."),
    "volume_flow_rate": ("m³/h", "L/min", "ft³/min", "gal/min"),
    "speed": ("m/s", "km/h", "mph", "kn", "ft/s"),
    "illuminance": ("lx",),
    "apparent_power": ("VA",),
    "reactive_power": ("var",),
    # never by the unit alone
    "water": _VOLUMES,
    "gas": _VOLUMES[:3],
    "volume_storage": (*_VOLUMES, "mL", "fl. oz."),
    "energy_storage": ("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ", "cal", "kcal", "Mcal", "Gcal"),
    "reactive_energy": ("varh", "kvarh"),
    "battery": ("%",),
    "humidity": ("%",),
    "moisture": ("%",),
    "precipitation": ("mm", "cm", "in"),
}
"""Device class -> the units that Home Assistant accepts with it; that of a unit is the first which has it."""
_TOTALS = ("total", "total_increasing")
_COUNTED = {"energy": _TOTALS, "reactive_energy": _TOTALS, "volume": _TOTALS, "water": _TOTALS, "gas": _TOTALS}
_ANY = ("measurement", *_TOTALS)
_STATE_CLASSES: Mapping[str, tuple[str, ...]] = _COUNTED | dict.fromkeys(
    ("none", "distance", "duration", "precipitation", "weight"), _ANY
)
"""Device class -> the state classes that Home Assistant accepts with it; only `measurement` for all others."""

_SPELLINGS = {
    "m3": "m³", "m^3": "m³", "cbm": "m³", "ft3": "ft³", "ft^3": "ft³", "cu ft": "ft³", "cuft": "ft³", "cf": "ft³",
    "liter": "L", "litre": "L", "liters": "L", "litres": "L", "ltr": "L", "gallon": "gal", "gallons": "gal",
    "lux": "lx", "degc": "°C", "ºc": "°C", "degf": "°F", "ºf": "°F", "m3/h": "m³/h", "m^3/h": "m³/h", "lpm": "L/min",
    "kph": "km/h", "sec": "s", "hrs": "h", "lbs": "lb",
}  # fmt: skip
"""Other spellings, in small letters."""
_KNOWN = {unit for units in UNITS.values() for unit in units}
_LONELY = frozenset("lv")
"""Units of one letter that are also known in the other case; other single letters could mean something else."""


def spelling(unit: str) -> str:
    """The unit as Home Assistant spells it; any other text stays as it is. `KWh` -> `kWh`, `m3` -> `m³`.

    `mw` stays, because it could be mW or MW.
    """
    low = unit.strip().casefold()
    if unit in _KNOWN:
        return unit
    if low in _SPELLINGS:
        return _SPELLINGS[low]
    same = {known for known in _KNOWN if known.casefold() == low}
    return same.pop() if len(same) == 1 and (len(low) > 1 or low in _LONELY) else unit


def derive(unit: str, counts: bool, device_class: str = "auto", state_class: str = "auto") -> tuple[str, str]:
    """Device class and state class of a number, each empty where there is none. `counts`: it never falls.

    A class that is given instead of `auto` is taken. A volume that may fall has no class: it may be in a tank, or not.
    """
    spelt = spelling(unit)
    found = device_class
    if found == "auto":
        found = next((name for name, units in UNITS.items() if spelt in units), "none")
        found = "none" if found == "volume" and not counts else found
    state = state_class
    if state == "auto":
        allowed = _STATE_CLASSES.get(found, ("measurement",))
        state = "total_increasing" if counts and "total_increasing" in allowed else allowed[0]
    return ("" if found == "none" else found), ("" if state == "none" else state)


def contradictions(unit: str, device_class: str, state_class: str) -> Iterator[tuple[str, str]]:
    """Keys of a field that Home Assistant does not accept together: one of them, and the problem."""
    units = UNITS.get(device_class)
    if units and spelling(unit) not in units:
        yield "device_class", f'expected unit = {_one_of(units)} with "{device_class}"; got "{unit}"'
        return
    found, _ = derive(unit, counts=False, device_class=device_class)
    allowed = ("auto", "none", *_STATE_CLASSES.get(found or "none", ("measurement",)))
    if state_class not in allowed:
        yield "state_class", f'expected {_one_of(allowed)} for "{found}"; got "{state_class}"'


def _one_of(names: tuple[str, ...]) -> str:
    *most, last = [f'"{name}"' for name in names]
    return f"{', '.join(most)} or {last}" if most else last
