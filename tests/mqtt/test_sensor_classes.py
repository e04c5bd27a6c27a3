"""Device class, state class and unit of a field in Home Assistant."""

from __future__ import annotations

import pytest

from edge_daemon.decision.rules import FieldOptions, contradictions
from edge_daemon.mqtt.sensor_classes import UNITS, derive, spelling


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("KWh", "kWh"), ("kwh", "kWh"), ("KW", "kW"), ("m3", "m³"), ("m^3", "m³"), ("M³", "m³"), ("ft3", "ft³"),
        ("l", "L"), ("l/min", "L/min"),
        ("Liter", "L"), ("Gal", "gal"), ("gallons", "gal"), (" kWh ", "kWh"), ("v", "V"), ("HZ", "Hz"),
        ("m3/h", "m³/h"),
    ],
)  # fmt: skip
def test_spelling(written: str, right: str) -> None:
    """Units are spelt as Home Assistant wants them."""
    assert spelling(written) == right


@pytest.mark.parametrize(
    "unit", ["pcs", "", "mw", "k", "M", "a", "€", "Stück", *(u for us in UNITS.values() for u in us)]
)
def test_spelling_stays(unit: str) -> None:
    """What is right, unknown, or could be two units stays as it is."""
    assert spelling(unit) == unit


@pytest.mark.parametrize(
    ("unit", "counts", "classes"),
    [
        ("m³", True, ("volume", "total_increasing")),
        ("gal", True, ("volume", "total_increasing")),
        ("L", False, ("", "measurement")),
        ("KWh", True, ("energy", "total_increasing")),
        ("kWh", False, ("energy", "total")),
        ("°C", True, ("temperature", "measurement")),
        ("mm", False, ("distance", "measurement")),
        ("pcs", True, ("", "total_increasing")),
        ("", False, ("", "measurement")),
    ],
)
def test_auto(unit: str, counts: bool, classes: tuple[str, str]) -> None:
    """The unit gives the device class where only one is possible; a number that never falls is a counter."""
    assert derive(unit, counts) == classes


def test_overruled() -> None:
    """What the field says is taken; `none` leaves the key out."""
    assert derive("m³", False, "water") == ("water", "total")
    assert derive("m³", True, "gas") == ("gas", "total_increasing")
    assert derive("m³", True, "volume_storage") == ("volume_storage", "measurement")
    assert derive("kWh", True, "none", "none") == ("", "")
    assert derive("kWh", True, "auto", "total") == ("energy", "total")


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"unit": "m3", "device_class": "water"}, ""),
        ({"unit": "kWh", "device_class": "water"}, "device_class"),
        ({"device_class": "water"}, "device_class"),
        ({"unit": "m³", "device_class": "gas", "state_class": "measurement"}, "state_class"),
        ({"unit": "kWh", "state_class": "measurement"}, "state_class"),
        ({"unit": "°C", "state_class": "total"}, "state_class"),
        ({"unit": "pcs", "state_class": "total"}, ""),
        ({"unit": "kWh", "device_class": "none", "state_class": "measurement"}, ""),
    ],
)
def test_contradictions(keys: dict[str, str], wrong: str) -> None:
    """What Home Assistant would refuse or log as wrong is an error in the configuration."""
    found = dict(contradictions(FieldOptions(name="tank", region=(0, 0, 1, 1), **keys)))  # type: ignore[arg-type]
    assert list(found) == ([wrong] if wrong else [])
