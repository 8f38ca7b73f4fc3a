"""Mathematics: what is typeset draws signs, and nothing else."""

import time

import pytest

from sandbox_magic.untrusted.mime.latex import allowed, latex, pieces


@pytest.mark.parametrize(
    "formula",
    [
        r"x^2", r"\frac{a}{b}", r"\int_{-\infty}^\infty e^{-x^2}\, dx",
        r"\left[\begin{matrix}1 & 2\\3 & 4\end{matrix}\right]",
        r"\begin{cases} x & \text{for}\: x > 0 \\0 & \text{otherwise} \end{cases}",
        r"\displaystyle \sum_{n=1}^{\infty} n",
        r"\begin{array}{l|cr} a & b & c \end{array}", r"\left\{x \mid x \in \mathbb{R}\right\}", r"5\% \$ \{ \} \_",
        r"\operatorname{sinc}{\left(x \right)}", r"\hat{f}\left(\xi\right)",
    ],
)  # fmt: skip
def test_ordinary_mathematics_is_typeset(formula):
    assert allowed(formula)


@pytest.mark.parametrize(
    "formula",
    [
        r"\href{x}{y}", r"\url{x}", r"\class{a}{x}", r"\cssId{a}{x}", r"\style{a}{x}", r"\require{html}",
        r"\unicode{65}",
        r"\def\a{b}", r"\newcommand{\a}{b}", r"\let\a=b", r"\data{a=b}{x}", r"\texttip{a}{b}", r"\mmlToken{mi}{x}",
        r"\includegraphics{x}", r"\htmlData{a}{x}", r"\begingroup", r"\begin{foo}x\end{foo}", r"\hspace{99em}",
        r"\kern99em", r"a\\*[99em]b",
        r"\rule{9em}{9em}", r"\raise9em{x}", r"a\\[99em]b", r"a\\ [9em]b", r"\begin{array}{*{99}{c}}x\end{array}",
        r"\begin{array}{@{x}c}x\end{array}", r"\label{a}", r"\ref{a}", r"\tag{a}", r"\color{red}{x}", r"\bbox[red]{x}",
        "{x", "x}", r"\left(x", r"\begin{matrix}x", r"\begin{matrix}x\end{array}", "x%y", "x\u202ey", "x\0", "\\",
        "\\\n",
        r"\char65", r"\csname a\endcsname", r"\catcode`a=1", "\ue0000\ue001", r"\verb|x|", r"\HREF{x}",
        "\\href\u200b{x}",
    ],
)  # fmt: skip
def test_what_is_not_known_to_draw_only_signs_is_not(formula):
    assert not allowed(formula)


def test_depth_and_length_are_bounded():
    assert allowed("{" * 20 + "}" * 20)
    assert not allowed("{" * 21 + "}" * 21)
    assert not allowed("x" * 10_001)


def test_a_text_is_split_into_what_is_typeset_and_what_is_not():
    assert list(pieces(r"a $x$ b \(y\) $\href{a}{b}$ $$z$$ \$5")) == [
        ("a ", False),
        ("$x$", True),
        (" b ", False),
        (r"\(y\)", True),
        (r" $\href{a}{b}$ ", False),
        ("$$z$$", True),
        (r" \$5", False),
    ]


def test_latex_is_typeset_as_a_whole_or_not_at_all():
    assert latex(r"$\displaystyle x$")
    assert latex(r"Euler: $e^{i\pi} = -1$.")
    assert latex(r"\begin{equation}x\end{equation}")
    assert not latex("no mathematics")
    assert not latex(r"$x$ \ref{a}")
    assert not latex(r"$x$ $\href{a}{b}$")
    assert not latex(r"$x$ $")
    assert latex("$x < y$")
    assert not latex("$x <img src=y onerror=z> y$")


@pytest.mark.parametrize("piece", ["$", "$x", r"\(", r"\[x", r"\begin{a}", r"\begin{a}$", "\\", "{", r"\left("])
def test_broken_mathematics_takes_bounded_time(piece):
    begun = time.process_time()
    latex(piece * (10**6 // len(piece)))
    assert time.process_time() - begun < 5
