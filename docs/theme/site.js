// What the theme leaves without a name, or out of the keyboard's reach.
function mend() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  // No navigations of their own: the button that copies, and the parts of a table of contents.
  for (const part of document.querySelectorAll(".md-code__nav, .md-nav--secondary .md-nav")) {
    part.role = "none";
    part.removeAttribute("aria-label");
  }
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (wide.scrollWidth > wide.clientWidth) {
      wide.tabIndex = 0;
    }
  }
}

// The theme adds these elements while a page is read.
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
mend();
