"""Mathematics that a page may typeset: an allow-list of commands, bounded, with nothing that defines or expands.

MathJax runs in the page: it makes links, classes and styles on request, loads packages, and expands macros without
end. So only what is known to draw signs is passed on to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CHARACTERS = 10_000  # of one formula
MOST_DEPTH = 20

_GREEK = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi omicron
pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
Upsilon Phi Psi Omega digamma aleph beth gimel daleth hbar hslash ell Re Im wp imath jmath partial nabla infty
emptyset varnothing
"""
_FUNCTIONS = """
sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp det dim deg gcd hom ker arg lim
limsup liminf max min sup inf Pr sum prod coprod int iint iiint oint bigcup bigcap bigvee bigwedge bigoplus
bigotimes bigodot biguplus bigsqcup limits nolimits operatorname mod bmod pmod pod
"""
_RELATIONS = """
le leq leqslant ge geq geqslant ne neq lt gt ll gg equiv sim simeq approx cong propto prec succ preceq succeq
subset supset subseteq supseteq subsetneq supsetneq in notin ni mid nmid parallel perp vdash dashv models to
gets mapsto iff implies impliedby leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow
longleftarrow longrightarrow longleftrightarrow Longleftarrow Longrightarrow Longleftrightarrow uparrow
downarrow updownarrow Uparrow Downarrow hookrightarrow hookleftarrow rightharpoonup rightharpoondown
leftharpoonup rightleftharpoons nearrow searrow swarrow nwarrow doteq triangleq asymp bowtie not therefore
because forall exists nexists neg lnot land lor wedge vee top bot
"""
_OPERATORS = """
pm mp times div cdot cdotp ast star circ bullet oplus ominus otimes oslash odot dagger ddagger amalg cap cup
uplus sqcap sqcup setminus smallsetminus wr diamond triangle triangleleft triangleright bigtriangleup
bigtriangledown square Box blacksquare prime backprime angle measuredangle degree sharp flat natural clubsuit
diamondsuit heartsuit spadesuit surd cdots ldots dots dotsc dotsb vdots ddots colon
"""
_SHAPES = """
frac dfrac tfrac cfrac binom dbinom tbinom sqrt overline underline overbrace underbrace overset underset
stackrel hat widehat tilde widetilde bar vec dot ddot dddot acute grave breve check mathring overrightarrow
overleftarrow boxed cancel bcancel xcancel substack left right middle big Big bigg Bigg bigl bigr Bigl Bigr
biggl biggr Biggl Biggr langle rangle lfloor rfloor lceil rceil lbrace rbrace lbrack rbrack lvert rvert lVert
rVert vert Vert backslash lgroup rgroup displaystyle textstyle scriptstyle scriptscriptstyle begin end quad
qquad thinspace mathrm mathbf mathit mathsf mathtt mathbb mathcal mathfrak mathscr boldsymbol bm rm bf it text
textrm textbf textit texttt textsf mathop mathbin mathrel mathord mathopen mathclose mathpunct hline
"""
COMMANDS = frozenset(f"{_GREEK} {_FUNCTIONS} {_RELATIONS} {_OPERATORS} {_SHAPES}".split())
_SIGNS = frozenset("\\{}|,;:!>_%&#$ ")  # after a backslash

_MATRICES = "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases split aligned gathered"
ENVIRONMENTS = frozenset(f"{_MATRICES} array equation equation* align align* gather gather* multline multline*".split())
_COLUMNS = re.compile(r"\{[lcr| ]{1,64}\}")  # *{9999}{c} would repeat, @{...} would write

_TOKEN = re.compile(r"\\([a-zA-Z]+)|\\(.)|([{}])|[^\\{}]+|\\", re.DOTALL)
_ENVIRONMENT = re.compile(r"\{([a-zA-Z]+\*?)\}")
_SPACE_AFTER = re.compile(r"\s*\*?\s*\[")  # \\[99em] moves what follows
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ue000-\uf8ff\ufeff%]"
)


def allowed(formula: str) -> bool:
    """Whether a formula, without the signs that begin and end it, may be typeset."""
    if len(formula) > MOST_CHARACTERS or _UNWANTED.search(formula.replace("\\%", "")):
        return False
    open_now: list[str] = []
    place = 0
    while place < len(formula):
        match = _TOKEN.match(formula, place)
        if match is None or not _token(match, formula, open_now) or len(open_now) > MOST_DEPTH:
            return False
        place = match.end()
    return not open_now


def _token(match: re.Match[str], formula: str, open_now: list[str]) -> bool:
    """Whether a token is allowed after those that are open, which it may add to or end."""
    command, sign, brace = match.groups()
    if brace == "{" or command == "left":
        open_now.append("}" if brace else "right")
    elif brace == "}" or command == "right":
        return bool(open_now) and open_now.pop() == (brace or command)
    elif command in ("begin", "end"):
        return _environment(command, formula, match.end(), open_now)
    elif sign == "\\":
        return not _SPACE_AFTER.match(formula, match.end())
    elif sign is not None:
        return sign in _SIGNS
    return command is None or command in COMMANDS if match[0] != "\\" else False


def _environment(command: str, formula: str, place: int, open_now: list[str]) -> bool:
    match = _ENVIRONMENT.match(formula, place)
    if match is None or match[1] not in ENVIRONMENTS:
        return False
    if command == "end":
        return bool(open_now) and open_now.pop() == match[1]
    open_now.append(match[1])
    return match[1] != "array" or _COLUMNS.match(formula, match.end()) is not None


# What MathJax takes for mathematics, as JupyterLab configures it. Each is bounded, so that a place is looked at seldom.
_BODY = r"(?:[^\\$]|\\(?![\])])[^\n]){1,10000}?"
FORMULA = re.compile(
    rf"""
      \$\$ (?P<display> {_BODY} ) \$\$
    | \$ (?P<inline> {_BODY} ) \$ (?!\$)
    | \\\( (?P<round> {_BODY} ) \\\)
    | \\\[ (?P<square> {_BODY} ) \\\]
    | (?P<environment> \\begin\{{ (?P<name> [a-zA-Z]+\*? ) \}} [^$]{{0,10000}}? \\end\{{ (?P=name) \}} )
    """,
    re.VERBOSE | re.DOTALL,
)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split text into what is typeset (with the signs around it) and what is not."""
    place = 0
    for start, end in _formulas(text):
        yield text[place:start], False
        yield text[start:end], True
        place = end
    yield text[place:], False


def _formulas(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the allowed formulas lie."""
    place, tries = 0, 0
    while (found := _BEGINS.search(text, place)) and tries < MOST_TRIES:
        match, tries = FORMULA.match(text, found.start()), tries + 1
        if match and allowed(next(filter(None, (match[name] for name in _GROUPS)))):
            yield match.span()
        place = match.end() if match else found.end()


MOST_TRIES = 500
_BEGINS = re.compile(r"\\\(|\\\[|\\begin\{|\$\$?|\\.", re.DOTALL)
_GROUPS = ("display", "inline", "round", "square", "environment")


_LIKE_A_TAG = re.compile("<[A-Za-z/!?]")


def latex(text: str) -> bool:
    """Whether all of a text, as ``_repr_latex_`` returns it, is mathematics that may be typeset."""
    if _LIKE_A_TAG.search(text):  # older exporters write LaTeX into a page as it is
        return False
    parts = list(pieces(text.strip()))
    return any(typeset for _, typeset in parts) and not any(
        "$" in part or "\\" in part for part, typeset in parts if not typeset
    )
