// The page of operations: reads the document of this process, shows each operation, and sends what is filled in.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with properties and children. */
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "class") element.className = value;
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** What a schema says, wherever it is in the document. */
function resolve(whole, schema) {
  if (!schema || !schema.$ref) return schema || {};
  const parts = schema.$ref.replace(/^#\//, "").split("/");
  return resolve(whole, parts.reduce((at, part) => (at ? at[part] : undefined), whole));
}

/** A value of the form of a schema, to be filled in. */
function example(whole, schema, depth) {
  const found = resolve(whole, schema);
  if (depth > 4) return null;
  if (found.enum) return found.enum[0];
  if (found.oneOf || found.anyOf) return example(whole, (found.oneOf || found.anyOf)[0], depth + 1);
  const type = Array.isArray(found.type) ? found.type[0] : found.type;
  if (type === "object" || found.properties) {
    const required = found.required || [];
    const names = Object.keys(found.properties || {}).filter((name) => required.includes(name));
    return Object.fromEntries(names.map((name) => [name, example(whole, found.properties[name], depth + 1)]));
  }
  if (type === "array") return [example(whole, found.items, depth + 1)];
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return "";
}

/** What the members of a body are, a line each. */
function members(whole, schema) {
  const found = resolve(whole, schema);
  const required = found.required || [];
  return Object.entries(found.properties || {}).map(([name, member]) => {
    const own = resolve(whole, member);
    const words = member.description || own.description || "";
    return `${name}${required.includes(name) ? "" : " (may be left out)"}: ${words}`;
  });
}

function field(id, label, hint, input) {
  input.id = id;
  const parts = [make("label", { htmlFor: id }, label), input];
  if (hint) {
    const told = make("div", { class: "hint", id: `${id}-hint` }, hint);
    input.setAttribute("aria-describedby", told.id);
    parts.push(told);
  }
  return make("div", { class: "field" }, ...parts);
}

/** Sends what a form says, and shows the answer below it. */
async function send(operation, inputs, body, answer) {
  const token = document.getElementById("token").value.trim();
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input } of inputs) {
    const value = input.value;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value !== "" && parameter.in === "query") query.set(parameter.name, value);
    else if (value !== "" && parameter.in === "header") headers[parameter.name] = value;
  }
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const asked = query.toString();
  const began = performance.now();
  const reply = await fetch(asked ? `${path}?${asked}` : path, {
    method: operation.method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit", cache: "no-store",
  });
  const text = await reply.text();
  const took = Math.round(performance.now() - began);
  let shown = text;
  try {
    const value = JSON.parse(text);
    shown = JSON.stringify(value, null, 2);
    // Whoever signs in goes on as themselves.
    if (typeof value.access_token === "string") document.getElementById("token").value = value.access_token;
  } catch { /* It is no JSON, and shown as it is. */ }
  const parts = [make("span", { class: `status ${reply.ok ? "good" : "bad"}` }, `${reply.status} ${reply.statusText}`), ` in ${took} ms`];
  const request = reply.headers.get("x-request-id");
  if (request) parts.push(`, request ${request}`);
  answer.replaceChildren(make("div", {}, ...parts), make("pre", { tabIndex: 0 }, shown || "(nothing)"));
}

function operationOf(whole, operation, number) {
  const id = `operation-${number}`;
  const inputs = (operation.parameters || []).map((parameter, at) => {
    const input = make("input", { type: "text", required: Boolean(parameter.required), autocomplete: "off", spellcheck: false });
    const label = `${parameter.name} (${parameter.in}${parameter.required ? "" : ", may be left out"})`;
    return { parameter, input, shown: field(`${id}-${at}`, label, parameter.description, input) };
  });
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  let body = null;
  const fields = inputs.map(({ shown }) => shown);
  if (content) {
    body = make("textarea", { value: JSON.stringify(example(whole, content.schema, 0), null, 2), spellcheck: false });
    fields.push(field(`${id}-body`, "Body", members(whole, content.schema).join(" · "), body));
  }
  const button = make("button", { type: "submit" }, "Send");
  const answer = make("div", { class: "answer", "aria-live": "polite" });
  const form = make("form", {}, ...fields, button, answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send(operation, inputs, body, answer);
    } catch (error) {
      answer.replaceChildren(make("span", { class: "status bad" }, `It was not answered: ${error.message}`));
    }
    button.disabled = false;
  });
  const words = operation.summary || operation.description || "";
  const summary = make("summary", {},
    make("span", { class: `method ${operation.method.toUpperCase()}` }, operation.method.toUpperCase()),
    make("span", { class: "path" }, operation.path), make("span", { class: "words" }, words));
  const shown = make("details", {}, summary, form);
  shown.dataset.find = `${operation.method} ${operation.path} ${words}`.toLowerCase();
  return shown;
}

async function show() {
  const main = document.getElementById("operations");
  const whole = await (await fetch("/openapi.json", { credentials: "omit" })).json();
  const byTag = new Map();
  for (const [path, item] of Object.entries(whole.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const operation = { ...item[method], path, method };
      const tag = (operation.tags || ["others"])[0];
      byTag.set(tag, [...(byTag.get(tag) || []), operation]);
    }
  }
  let number = 0;
  const sections = [...byTag].map(([tag, operations]) => make("section", { "aria-label": tag },
    make("h2", {}, tag), ...operations.map((operation) => operationOf(whole, operation, number++))));
  main.replaceChildren(...sections);
  main.setAttribute("aria-busy", "false");
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const one of main.querySelectorAll("details")) one.hidden = !one.dataset.find.includes(wanted);
  });
}

show().catch((error) => {
  document.getElementById("operations").replaceChildren(make("p", { role: "alert" }, `The document cannot be read: ${error.message}`));
});
