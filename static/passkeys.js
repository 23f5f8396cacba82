// Passkeys: asks the server for options, the browser for a passkey, and sends its response with the form.

for (const form of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue; // No https, or an old browser: the sentence in its place stays.
  form.querySelector("button[hidden]").hidden = false;
  form.querySelector(".passkey-needs").hidden = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
}

async function ask(form) {
  const problem = form.querySelector(".passkey-problem");
  const button = form.querySelector("button");
  problem.hidden = true;
  button.disabled = true;
  try {
    const options = await optionsFor(form);
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: forCreating(options) })
      : await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge) } });
    form.elements.credential.value = JSON.stringify(asJson(credential));
    form.submit();
  } catch (error) {
    problem.textContent = inWords(error);
    problem.hidden = false;
    button.disabled = false;
  }
}

async function optionsFor(form) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const response = await fetch(form.dataset.options, { method: "POST", body, redirect: "manual" });
  if (!response.ok) throw new Error("no options");
  const options = await response.json();
  const listed = (name) => (options[name] ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  return { ...options, allowCredentials: listed("allowCredentials"), excludeCredentials: listed("excludeCredentials") };
}

function forCreating(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  return { ...options, user, challenge: bytes(options.challenge) };
}

function asJson(credential) {
  const { response } = credential;
  const sent = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) sent[name] = text(response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: sent };
}

function inWords(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "No passkey was used: it was cancelled, took too long, or there is none for this site here.";
    case "InvalidStateError":
      return "You have a passkey for this site there already.";
    case "SecurityError":
      return "Passkeys don't work at this address. Open this site by its name.";
    default:
      return "That didn't work. Reload the page and try again.";
  }
}

function bytes(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function text(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
