document.querySelector("form[data-auto]")?.submit();
const later = document.querySelector("a[data-after]");
if (later) setTimeout(() => later.click(), later.dataset.after * 1000);
