"""Texts of a log that a page runs, loads or leads to unless it shows them as text."""

# `ran` is what they set; window.top is the page around a frame, too.
RUN = "window.top.ran=1"
HOSTILE = (
    f"<img src=x onerror={RUN}>",
    f'"><script>{RUN}</script>',
    f"</script><script>{RUN}</script>",
    f"<svg onload={RUN}>",
    f"' onmouseover='{RUN}' x='",
    f'<a href="javascript:{RUN}">click</a>',
    f"javascript:{RUN}",
    '<a href="http://example.com/">click</a>',
    f"<!--<script>{RUN}//-->",
    "{{ 7*7 }}[[ran]]${window.top.ran=1}",
    f"<tfma-int64 data=9 onclick={RUN}></tfma-int64>:7",
    "%{x}<b>bold</b>&lt;i&gt;&#60;i&#62;",
    "line\u2028and\u2029ends\u0085here",
    "\x1b]0;title\x07\x1b[31mred\x9b2J",
    "../../../etc/passwd",
    "__proto__",
    "\u202ereversed",
)
