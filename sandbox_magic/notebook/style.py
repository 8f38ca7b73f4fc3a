"""The live widget's style sheet.

Front ends name their colours in variables, which follow their theme; mixing with the page's own
text colour makes the words at the curves darker on a light page and lighter on a dark one.
"""

STYLE = """<style>
.sandbox-dashboard {
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
  box-sizing: border-box; height: 184px; max-width: 1200px; margin: 0; overflow: hidden;
  border: 1px solid var(--sandbox-edge); border-radius: 6px; background: var(--sandbox-card);
}
.sandbox-dashboard .sandbox-style { display: none; }
.sandbox-dashboard .sandbox-words { margin: 0; height: 40px; min-height: 0; flex: none; }
.sandbox-dashboard .sandbox-line {
  position: relative; box-sizing: border-box; height: 40px; padding: 0 12px 0 34px;
  display: flex; align-items: center;
  font: 12px/18px system-ui, -apple-system, 'Segoe UI', sans-serif; font-variant-numeric: tabular-nums;
  color: var(--sandbox-soft);
}
/* Each figure brings its dot; those that begin a row lie in the part that is clipped. */
.sandbox-dashboard .sandbox-wrap {
  display: flex; flex-wrap: wrap; max-height: 36px; overflow: hidden;
  margin-left: -20px; clip-path: inset(0 0 0 20px);
}
.sandbox-dashboard .sandbox-wrap > span { position: relative; padding-left: 20px; white-space: nowrap; }
.sandbox-dashboard .sandbox-figure::before { content: "·"; position: absolute; left: 8px; }
.sandbox-dashboard .sandbox-state { font-weight: 600; font-size: 13px; color: var(--sandbox-ink); }
.sandbox-dashboard .sandbox-mark {
  position: absolute; left: 15px; top: 15px; width: 10px; height: 10px; border-radius: 5px;
  background: var(--sandbox-good);
}
.sandbox-dashboard .bqplot { margin: 0; padding: 0; min-width: 0; flex: none; overflow: visible; }
.sandbox-dashboard .bqplot > svg { overflow: visible; }
.sandbox-dashboard .bqplot > svg .svg-figure { background: none; }
.sandbox-dashboard .bqplot > svg .plotarea_background { fill: none; }
.sandbox-dashboard .bqplot > svg .axis path.domain { stroke: none; }
.sandbox-dashboard .bqplot > svg .axis .tick line { stroke: var(--sandbox-grid); stroke-width: 1px; opacity: 1; }
.sandbox-dashboard .bqplot > svg .axis .tick text {
  fill: var(--sandbox-soft); font: 10.5px system-ui, -apple-system, 'Segoe UI', sans-serif;
}
.sandbox-dashboard .bqplot path.line[style*="--sandbox-limit"] { stroke-dasharray: 5 4 !important; }
/* bqplot clips every mark to the plot, and with it the words beside and above it. */
.sandbox-dashboard .bqplot g[clip-path] { clip-path: none; }
.sandbox-dashboard .bqplot path.line { stroke-linejoin: round; }
.sandbox-dashboard .bqplot text.label {
  font-family: system-ui, -apple-system, 'Segoe UI', sans-serif;
  paint-order: stroke; stroke: var(--sandbox-card); stroke-width: 3px; stroke-linejoin: round;
}
</style>"""
