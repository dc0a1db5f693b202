// ipywidgets gives a slider's handle a role but no name: it takes that of the label beside it
(() => {
  const name = () => {
    for (const box of document.querySelectorAll(".explore .widget-slider, .explore .jupyter-widget-slider")) {
      const label = box.querySelector("label");
      const handle = box.querySelector(".noUi-handle");
      if (label && handle) handle.setAttribute("aria-label", label.textContent);
      const typed = box.querySelector(".widget-readout");
      if (label && typed) typed.setAttribute("aria-label", label.textContent + " (value)");
    }
  };
  name();
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
})();
