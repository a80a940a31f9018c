// Passkeys in forms. A button with data-passkey (`get` or `create`) asks for options at data-options, lets the browser and the
// authenticator do their part, and sends its form with what comes of it in the field `passkey`. Bytes are base64url without padding
// (RFC 4648, section 5), as in the JSON of Web Authentication Level 3. Without a script, or passkeys, the buttons stay hidden.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (known) => known.map((one) => ({ ...one, id: bytes(one.id) }));

async function create(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id,
    type: made.type,
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
      transports: made.response.getTransports ? made.response.getTransports() : [],
    },
  };
}

async function get(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  const signed = await navigator.credentials.get({ publicKey });
  const handle = signed.response.userHandle;
  return {
    id: signed.id,
    type: signed.type,
    response: {
      clientDataJSON: text(signed.response.clientDataJSON),
      authenticatorData: text(signed.response.authenticatorData),
      signature: text(signed.response.signature),
      userHandle: handle && handle.byteLength ? text(handle) : null,
    },
  };
}

function sayWhy(error, button) {
  if (error.name === "InvalidStateError") return "A passkey of yours is there already: use another device.";
  if (error.name === "SecurityError") return `Passkeys work at ${button.dataset.origin} alone: open this page there.`;
  if (error.name === "NotAllowedError") return "No passkey was used: it was cancelled, took too long, or there is none that fits.";
  return "The passkey could not be used. Load the page again and try once more.";
}

async function use(button) {
  const form = button.form;
  const said = form.querySelector("[data-passkey-said]");
  said.hidden = true;
  if (!form.reportValidity()) return;
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) throw new Error(`options: ${answer.status}`);
    const options = await answer.json();
    const passkey = await (button.dataset.passkey === "create" ? create(options) : get(options));
    form.elements.passkey.value = JSON.stringify(passkey);
    form.submit();
  } catch (error) {
    said.textContent = sayWhy(error, button);
    said.hidden = false;
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  button.hidden = false;
  button.addEventListener("click", () => use(button));
}
