// Files, folders and camera pictures on their way to the kernel. They go in pieces, each answered
// before the next, for a message of more than 10 MB would end the connection.
const PIECE = 1 << 20; // bytes
const BURST = 8, EVERY = 250; // pictures of a burst, milliseconds between them

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// a question to the kernel, and its answer
function connection(model, signal) {
  const waiting = new Map();
  const heard = (content) => {
    waiting.get(content.answers)?.(content);
    waiting.delete(content.answers);
  };
  model.on("msg:custom", heard);
  signal.addEventListener("abort", () => model.off("msg:custom", heard));
  return (content, buffers = []) =>
    new Promise((resolve) => {
      const id = String(Math.random());
      waiting.set(id, resolve);
      model.send({ ...content, id }, undefined, buffers);
    });
}

async function sendOne(ask, { name, media, parts }) {
  const begun = await ask({ do: "begin", name, media, sizes: parts.map((part) => part.size) });
  if (begun.refused) return;
  for (const part of parts) {
    for (let start = 0; start < part.size; start += PIECE) {
      let piece;
      try {
        piece = await part.slice(start, start + PIECE).arrayBuffer();
      } catch (error) {
        await ask({ do: "lost", why: String(error.message || error) });
        return;
      }
      if ((await ask({ do: "piece" }, [piece])).refused) return;
    }
  }
  await ask({ do: "end" });
}

async function sendAll(ask, things) {
  if (!things.length || (await ask({ do: "open", count: things.length })).refused) return;
  for (const thing of things) await sendOne(ask, thing);
  await ask({ do: "close" });
}

const ofFile = (file, name) => ({
  name: name || file.webkitRelativePath || file.name, media: "", parts: [file],
});

const byName = (a, b) => (a.name < b.name ? -1 : 1);

// the files of what was dropped, of folders too
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ofFile(file));
  return (await Promise.all(entries.map(inside))).flat();
}

async function inside(entry) {
  if (entry.isFile) {
    const file = await new Promise((found, failed) => entry.file(found, failed));
    return [ofFile(file, entry.fullPath.slice(1))];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((read, failed) => reader.readEntries(read, failed));
    if (!some.length) break;
    found.push(...(await Promise.all(some.map(inside))).flat());
  }
  return found.sort(byName);
}

// the camera's picture as it is now, lossless
function still(video) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((made) => canvas.toBlob(made, "image/png"));
}

async function burst(video) {
  const parts = [];
  for (let taken = 0; taken < BURST; taken += 1) {
    if (taken) await new Promise((passed) => setTimeout(passed, EVERY));
    parts.push(await still(video));
  }
  return { name: "webcam burst", media: "frames", parts };
}

function camera(submit, say) {
  const video = make("video", { muted: true, playsInline: true, autoplay: true });
  video.setAttribute("aria-label", "What the webcam sees");
  const button = (text, onclick) => make("button", { type: "button", textContent: text, onclick });
  let stream = null;
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    box.hidden = true;
  };
  const start = async () => {
    if (stream) return;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      say(`No webcam: ${error.message || error.name}`);
      return;
    }
    video.srcObject = stream;
    box.hidden = false;
    await video.play();
  };
  const box = make(
    "div", { className: "camera", hidden: true }, video,
    make(
      "div", { className: "buttons" },
      button("Take a picture", () =>
        submit(async () => [{ name: "webcam.png", media: "", parts: [await still(video)] }])),
      button(`Take a burst of ${BURST}`, () => submit(async () => [await burst(video)])),
      button("Stop the webcam", stop),
    ),
  );
  return { box, start, stop };
}

function render({ model, el, signal }) {
  const said = make("p", { className: "said" });
  said.setAttribute("role", "status");
  const say = (text) => { said.textContent = text; };
  const bar = make("progress", { hidden: true });
  bar.setAttribute("aria-label", "Progress of this step");
  const ask = connection(model, signal);
  let busy = false;
  // one thing after the other
  const submit = async (gather) => {
    if (busy) {
      say("Still busy with the last files; drop these again afterwards.");
      return;
    }
    busy = true;
    const before = document.activeElement; // a button that is switched off loses the focus
    area.setAttribute("aria-busy", "true");
    for (const button of el.querySelectorAll("button")) button.disabled = true;
    try {
      await sendAll(ask, await gather());
    } catch (error) {
      say(`The browser could not read that: ${error.message || error}`);
    } finally {
      busy = false;
      area.setAttribute("aria-busy", "false");
      for (const button of el.querySelectorAll("button")) button.disabled = false;
      before?.focus?.({ preventScroll: true });
    }
  };
  const chooser = (text, options) => {
    const input = make("input", { type: "file", hidden: true, multiple: true, ...options });
    input.setAttribute("aria-label", text);
    input.onchange = () => submit(async () => {
      const things = [...input.files].map((file) => ofFile(file)).sort(byName);
      input.value = "";
      return things;
    });
    const onclick = () => input.click();
    return [make("button", { type: "button", textContent: text, onclick }), input];
  };
  const webcam = camera(submit, say);
  const area = make(
    "div", { className: "drop" },
    make("p", { textContent: "Drop pictures, videos or a folder here, or" }),
    make(
      "div", { className: "buttons" },
      ...chooser("Choose files"),
      ...chooser("Choose a folder", { webkitdirectory: true }),
      make("button", { type: "button", textContent: "Use the webcam", onclick: webcam.start }),
    ),
    make("p", { className: "limits", textContent: model.get("limits") }),
  );
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    const found = dropped(event.dataTransfer); // at once: the browser empties it afterwards
    submit(() => found);
  });
  const progress = () => {
    bar.max = model.get("total") || 1;
    bar.value = model.get("done");
    bar.hidden = !model.get("total");
  };
  const status = () => say(model.get("status"));
  model.on("change:status", status);
  model.on("change:done change:total", progress);
  signal.addEventListener("abort", () => {
    webcam.stop();
    model.off("change:status", status);
    model.off("change:done change:total", progress);
  });
  el.append(area, webcam.box, said, bar);
  status();
  progress();
}

export default { render };
