// A lesson's film: the slider below it holds a picture.
document.addEventListener("input", ({ target }) => {
  const strip = target.closest(".film")?.querySelector("div");
  if (!strip) return;
  strip.style.animation = "none";
  strip.style.backgroundPositionX = `${(100 * target.value) / target.max}%`;
  target.ariaValueText = target.dataset.names.split("|")[target.value];
});
