// Inputs for the keys of a field. `option` is the JSON Schema of a key's value (config/form.py).

const isNumber = ({ type, anyOf }) => ["number", "integer"].includes(type) || Boolean(anyOf?.some(isNumber));

/** A label with the input for one key. */
export function labelled(key, option) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement(option.enum ? "select" : "input"), { name: key });
  if (option.enum) input.append(...option.enum.map((value) => new Option(value, value)));
  else if (option.type === "boolean") input.type = "checkbox";
  else if (isNumber(option)) Object.assign(input, { type: "number", step: "any" });
  else Object.assign(input, { autocomplete: "off", autocapitalize: "off", spellcheck: false, placeholder: option.examples?.[0] ?? "" });
  if (option.type === "boolean") {
    label.className = "check";
    label.append(input, ` ${option.title}`);
  } else {
    label.append(`${option.title} `, input);
  }
  if (option.description) label.append(Object.assign(document.createElement("span"), { className: "quiet", textContent: option.description }));
  return label;
}

/** A name such as `field-1` that none of the fields has. */
export function freeName(prefix, fields) {
  const taken = new Set(fields.map(({ keys }) => keys.name));
  let n = 1;
  while (taken.has(`${prefix}-${n}`)) n++;
  return `${prefix}-${n}`;
}

/** The value of an input, as TOML has it; null: not set. */
export function valueOf(input, option) {
  if (option.enum) return option.enum[input.selectedIndex];
  if (option.type === "boolean") return input.checked;
  if (!isNumber(option)) return input.value;
  return input.value === "" ? null : Number(input.value);
}
