"""The live widget's style sheet.

Front ends name their colours in variables, which follow their theme; mixing with the page's own
text colour makes the words at the curves darker on a light page and lighter on a dark one.
"""

from sandbox_magic.notebook.dashboard.html_layer import WIDTHS
from sandbox_magic.picture.theme import LARGE, LEFT, RIGHT

HEAD_HEIGHT = 40  # the line of words and the buttons
CPU_TOP = 8  # from there to the first panel's plot
LINES_HEIGHT = 112  # from there to the last plot's lower edge

_ROOM = "\n".join(
    f"@container sandbox (min-width: {width + LEFT + RIGHT}px) "
    f"{{ .sandbox-dashboard .sandbox-marks text.from-{width} {{ display: inline; }} }}"
    for width in WIDTHS
)
STYLE = f"""<style>
.sandbox-dashboard {{
  --sandbox-ink: var(--jp-ui-font-color0, currentColor);
  --sandbox-soft: var(--jp-ui-font-color2, currentColor);
  --sandbox-card: var(--jp-layout-color1, transparent);
  --sandbox-edge: var(--jp-border-color2, #8886);
  --sandbox-grid: color-mix(in srgb, var(--jp-ui-font-color0, currentColor) 9%, transparent);
  --sandbox-limit: var(--sandbox-soft);
  --sandbox-good: #009E73;
  --sandbox-cpu: #56B4E9;
  --sandbox-cpu-word: color-mix(in srgb, #2E8FD0 72%, var(--sandbox-ink));
  --sandbox-memory: #E69F00;
  --sandbox-memory-word: color-mix(in srgb, #D08A00 68%, var(--sandbox-ink));
  --sandbox-processes: #009E73;
  --sandbox-processes-word: color-mix(in srgb, #009E73 68%, var(--sandbox-ink));
  --sandbox-threads: var(--sandbox-processes);
  --sandbox-threads-word: var(--sandbox-processes-word);
  --sandbox-read: #CC79A7;
  --sandbox-read-word: color-mix(in srgb, #CC79A7 64%, var(--sandbox-ink));
  --sandbox-written: var(--sandbox-read);
  --sandbox-written-word: var(--sandbox-read-word);
  --sandbox-type: system-ui, -apple-system, 'Segoe UI', sans-serif;
  container: sandbox / inline-size; position: relative; isolation: isolate;
  box-sizing: border-box; min-height: 184px; max-width: 1200px; margin: 0; overflow: hidden;
  border: 1px solid var(--sandbox-edge); border-radius: 6px; background: var(--sandbox-card);
}}
.sandbox-dashboard .sandbox-style {{ display: none; }}
.sandbox-dashboard .sandbox-head {{ margin: 0; height: {HEAD_HEIGHT}px; flex: none; overflow: hidden; }}
.sandbox-dashboard .sandbox-words {{ margin: 0; height: {HEAD_HEIGHT}px; min-width: 0; min-height: 0; flex: 1 1 0; }}
.sandbox-dashboard .sandbox-line {{
  position: relative; box-sizing: border-box; height: {HEAD_HEIGHT}px; padding: 0 8px 0 34px;
  display: flex; align-items: center;
  font: 12px/18px var(--sandbox-type); font-variant-numeric: tabular-nums; color: var(--sandbox-soft);
}}
/* Each figure brings its dot; those that begin a row lie in the part that is clipped. */
.sandbox-dashboard .sandbox-wrap {{
  display: flex; flex-wrap: wrap; max-height: 36px; overflow: hidden;
  margin-left: -20px; clip-path: inset(0 0 0 20px);
}}
.sandbox-dashboard .sandbox-wrap > span {{ position: relative; padding-left: 20px; white-space: nowrap; }}
.sandbox-dashboard .sandbox-figure::before {{ content: "·"; position: absolute; left: 8px; }}
.sandbox-dashboard .sandbox-state {{ font-weight: 600; font-size: 13px; color: var(--sandbox-ink); }}
.sandbox-dashboard .sandbox-mark {{
  position: absolute; left: 15px; top: 15px; box-sizing: border-box; width: 10px; height: 10px; border-radius: 5px;
  background: var(--sandbox-good);
}}
.sandbox-dashboard .sandbox-mark.paused {{
  border: solid var(--sandbox-ink); border-width: 0 3px; border-radius: 0; background: none;
}}
.sandbox-dashboard .sandbox-buttons {{
  flex: none; align-items: center; gap: 6px; margin: 0; padding: 0 10px 0 4px; overflow: visible;
}}
.sandbox-dashboard .sandbox-button {{
  box-sizing: border-box; height: 24px; min-width: 0; margin: 0; padding: 0 9px; flex: none;
  border: 1px solid var(--sandbox-edge); border-radius: 5px; background: transparent; box-shadow: none;
  font: 12px/22px var(--sandbox-type); color: var(--sandbox-ink);
}}
.sandbox-dashboard .sandbox-button:hover {{ background: var(--sandbox-grid); }}
.sandbox-dashboard .sandbox-button:focus-visible {{ outline: 2px solid var(--sandbox-cpu); outline-offset: 1px; }}
.sandbox-dashboard .sandbox-button:disabled {{ opacity: .5; }}
.sandbox-dashboard .sandbox-pause {{ min-width: 64px; }}
.sandbox-dashboard .sandbox-button.sandbox-details {{
  border-color: transparent; padding: 0 3px; color: var(--sandbox-soft);
}}
/* While a question is on screen a row above has its words, and a Stop that ends the question for the front end too. */
.jp-Notebook .sandbox-asking .sandbox-buttons {{ visibility: hidden; }}
.jp-Notebook .sandbox-asking .sandbox-state {{ display: none; }}
.sandbox-dashboard.jupyter-widgets-disconnected {{ display: none; }}
/* Within reach, however much the code writes: it stays at the upper edge of what scrolls the notebook. */
.jp-OutputArea-child:has(.sandbox-dashboard) {{
  position: sticky; top: 0; z-index: 1; background: var(--jp-layout-color0);
}}
.jp-Cell:not(.jp-mod-outputsScrolled) .jp-OutputArea:has(.sandbox-dashboard) {{ overflow: visible; }}
.sandbox-large :is(.sandbox-head, .sandbox-over, .sandbox-figures) {{ zoom: {LARGE}; }}
.sandbox-dashboard.sandbox-large .bqplot > svg .axis .tick text {{ font-size: {10.5 * LARGE}px; }}
.sandbox-dashboard .sandbox-hint {{
  margin: 0; max-width: 110px; font: 11px/14px var(--sandbox-type); color: var(--sandbox-soft); text-align: right;
}}
.sandbox-dashboard .sandbox-hint .widget-html-content {{ line-height: 14px; white-space: normal; }}
.sandbox-dashboard .bqplot {{ margin: 0; padding: 0; min-width: 0; flex: none; overflow: visible; }}
.sandbox-dashboard .bqplot > svg {{ overflow: visible; }}
.sandbox-dashboard .bqplot > svg .svg-figure {{ background: none; }}
.sandbox-dashboard .bqplot > svg .plotarea_background {{ fill: none; }}
.sandbox-dashboard .bqplot > svg .axis path.domain {{ stroke: none; }}
.sandbox-dashboard .bqplot > svg .axis .tick line {{ stroke: var(--sandbox-grid); stroke-width: 1px; opacity: 1; }}
.sandbox-dashboard .bqplot > svg .axis .tick text {{ fill: var(--sandbox-soft); font: 10.5px var(--sandbox-type); }}
.sandbox-dashboard .bqplot path.line[style*="--sandbox-limit"] {{ stroke-dasharray: 5 4 !important; }}
/* bqplot clips every mark to the plot, and with it the words beside and above it. */
.sandbox-dashboard .bqplot g[clip-path] {{ clip-path: none; }}
.sandbox-dashboard .bqplot path.line {{ stroke-linejoin: round; }}
.sandbox-dashboard .bqplot text.label {{ font-family: var(--sandbox-type); }}
.sandbox-dashboard :is(.bqplot text.label, .sandbox-marks text) {{
  paint-order: stroke; stroke: var(--sandbox-card); stroke-width: 3px; stroke-linejoin: round;
}}
/* What lies over the panels: the marks, then the strips that tell a value under the pointer. */
.sandbox-dashboard .sandbox-over {{
  position: absolute; top: {HEAD_HEIGHT + CPU_TOP}px; left: {LEFT}px; right: {RIGHT}px; height: {LINES_HEIGHT}px;
  width: auto; min-width: 0; margin: 0; padding: 0; overflow: visible; pointer-events: none;
}}
.sandbox-dashboard .sandbox-below {{ z-index: -1; }}
.sandbox-dashboard .sandbox-over .widget-html-content {{ position: absolute; inset: 0; overflow: visible; }}
.sandbox-dashboard .sandbox-marks {{ display: block; overflow: visible; }}
.sandbox-dashboard .sandbox-marks line {{ stroke: var(--sandbox-soft); stroke-width: 1px; opacity: .5; }}
.sandbox-dashboard .sandbox-marks text {{
  display: none; font: 10.5px var(--sandbox-type); fill: var(--sandbox-soft);
}}
.sandbox-dashboard .sandbox-strips {{ position: absolute; inset: 0; }}
.sandbox-dashboard .sandbox-strips > i {{ position: absolute; top: 0; bottom: 0; pointer-events: auto; }}
.sandbox-dashboard .sandbox-strips > i:hover {{ box-shadow: -1px 0 0 var(--sandbox-soft) inset; }}
.sandbox-dashboard .sandbox-strips > i:hover::after {{
  content: attr(data-say); position: absolute; z-index: 1; top: 40px; left: calc(100% + 6px); padding: 2px 7px;
  white-space: pre; font: 11px/16px var(--sandbox-type); font-variant-numeric: tabular-nums; color: var(--sandbox-ink);
  border: 1px solid var(--sandbox-edge); border-radius: 4px; background: var(--sandbox-card); pointer-events: none;
}}
.sandbox-dashboard .sandbox-strips > i.b:hover::after {{ left: auto; right: 6px; }}
.sandbox-dashboard .sandbox-told {{
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}}
.sandbox-dashboard .sandbox-more {{
  margin: 0; flex: none; overflow: hidden; border-top: 1px solid var(--sandbox-grid);
}}
.sandbox-dashboard .sandbox-figures {{ margin: 0; padding: 2px 12px 10px 16px; }}
.sandbox-dashboard .sandbox-figures dl {{
  margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 6px 16px;
  font: 12px/16px var(--sandbox-type); font-variant-numeric: tabular-nums; color: var(--sandbox-ink);
}}
.sandbox-dashboard .sandbox-figures :is(dt, dd) {{ display: block; float: none; width: auto; margin: 0; padding: 0; }}
.sandbox-dashboard .sandbox-figures dt {{ font-size: 11px; font-weight: 400; color: var(--sandbox-soft); }}
@container sandbox (max-width: 479px) {{
  .sandbox-dashboard .sandbox-buttons {{ gap: 4px; padding: 0 6px 0 0; }}
  .sandbox-dashboard .sandbox-button {{ padding: 0 5px; font-size: 11px; }}
  .sandbox-dashboard .sandbox-pause {{ min-width: 54px; }}
  .sandbox-dashboard .sandbox-line {{ padding: 0 4px 0 28px; }}
  .sandbox-dashboard .sandbox-mark {{ left: 11px; }}
  .sandbox-dashboard .sandbox-marks text {{ transform: translateY(3px); }}
}}
{_ROOM}
</style>"""
