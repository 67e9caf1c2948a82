// A button on every sample that copies it. Without this script the pages are complete.
const persian = document.documentElement.lang === "fa";
const say = persian ? ["رونوشت", "برداشته شد"] : ["Copy", "Copied"];
for (const pre of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say[0];
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = say[1];
      setTimeout(() => { button.textContent = say[0]; }, 2000);
    } catch {
      getSelection().selectAllChildren(pre);
    }
  });
  const box = document.createElement("div");
  box.className = "copyable";
  pre.replaceWith(box);
  box.append(pre, button);
}
