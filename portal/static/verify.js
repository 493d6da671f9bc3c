// The file stays on this device: its SHA-256 is worked out here, and only that is sent.  What can be
// no certificate is told beside the field at once, in the words that the page brings along.
"use strict";
const MARGIN = 1024; // bytes within which a PDF says that it is one, from either end
const ZIP_END = 22 + 65535; // of an OFD: its end record and its comment
const title = document.title.replace("有误：", "");

async function wrong(file, words) {
  if (!file) return words.none;
  if (file.size === 0) return words.empty;
  if (file.size > Number(words.most)) return words.large;
  const head = await text(file.slice(0, MARGIN));
  if (head.includes("%PDF-")) return (await text(file.slice(-MARGIN))).includes("%%EOF") ? "" : words.cut;
  if (!head.startsWith("PK")) return words.neither;
  return (await text(file.slice(-ZIP_END))).includes("PK\x05\x06") ? "" : words.cut;
}

async function text(part) {
  return new TextDecoder("latin1").decode(await part.arrayBuffer());
}

function show(input, said) {
  const fault = document.getElementById(`${input.id}-fault`);
  fault.querySelector(".said").textContent = said;
  fault.hidden = false;
  input.parentElement.classList.add("wrong");
  input.setAttribute("aria-invalid", "true");
  const others = (input.getAttribute("aria-describedby") ?? "").split(" ");
  input.setAttribute("aria-describedby", [...new Set([...others, fault.id])].join(" ").trim());
  summarise(input.id, said);
}

function summarise(field, said) {
  const summary = document.getElementById("summary");
  const link = document.createElement("a");
  link.href = `#${field}`;
  link.textContent = said;
  const item = document.createElement("li");
  item.append(link);
  summary.querySelector(`a[href="#${field}"]`)?.parentElement.remove();
  summary.querySelector("ul").append(item);
  summary.hidden = false;
  document.title = `有误：${title}`;
  summary.focus();
}

async function digestOf(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ask(action, sha256) {
  const asking = document.createElement("form");
  asking.method = "post";
  asking.action = action;
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "sha256";
  field.value = sha256;
  asking.append(field);
  document.body.append(asking);
  asking.submit();
}

async function check(form, input, stays) {
  const [file] = input.files;
  try {
    const said = await wrong(file, form.dataset);
    if (said) show(input, said);
    else if (stays) ask(form.dataset.digest, await digestOf(file));
    else form.submit();
  } catch {
    show(input, form.dataset.unread); // gone, or not ours to read
  }
}

for (const form of document.querySelectorAll("form[data-none]")) {
  const stays = Boolean(form.dataset.digest && window.crypto?.subtle); // else it is sent, as the page says
  if (stays) {
    const hint = document.getElementById("sending");
    hint.textContent = "文件留在您的设备上：本页只算出它的指纹（SHA-256）用于比对。";
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check(form, form.querySelector("input[type=file]"), stays);
  });
}
