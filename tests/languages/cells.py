"""The same cells in every language: an ordinary program that fails, an endless loop, a connection to the host."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is run in a language."""

    tour: str
    """Prints 漢字 π and its input, uses its standard library, writes ``saved π`` into out.txt, and fails."""
    says: str
    """What its error says last, with the line of the cell that it is about."""
    status: int
    """The exit status then; minus a signal."""
    loop: str
    """Prints ``started``, without a flush, and goes on for ever."""
    opens: str = ""
    """Reads data.csv, and fails if it can't; empty: its error names no file."""
    connect: str = ""
    """Connects to PORT of the host, and fails if it can't; empty: the language alone has no network."""
    first_line: str = ""
    """The ``#!`` line with which such scripts begin; empty: such programs are compiled."""
    version: str
    """A command that tells its version."""
    reads: bool = True
    """Whether a program can read its standard input."""


_C = """\
#include <assert.h>
#include <stdio.h>
#include <math.h>
int main(void) {
  int c; printf("漢字 π\\n"); while ((c = getchar()) != EOF) putchar(c);
  FILE *f = fopen("out.txt", "w"); fputs("saved π\\n", f); fclose(f); fflush(stdout);
  assert(sqrt(4) == 3);
}
"""
_C_CONNECT = """\
#include <arpa/inet.h>
#include <stdio.h>
int main(void) {
  struct sockaddr_in a = {};
  a.sin_family = AF_INET; a.sin_port = htons(PORT); a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a)) { perror("connect"); return 1; }
}
"""
_C_OPENS = '#include <stdio.h>\nint main(void) { if (!fopen("data.csv", "r")) { perror("data.csv"); return 1; } }'
_CPP = """\
#include <cassert>
#include <fstream>
#include <iostream>
#include <regex>
int main() {
  std::cout << "漢字 π\\n" << std::cin.rdbuf() << std::flush; std::ofstream("out.txt") << "saved π\\n";
  assert(std::regex_match("b", std::regex("a")));
}
"""
_RUST = """\
use std::{fs, io::Read, thread};
fn main() {
    let mut s = String::new(); std::io::stdin().read_to_string(&mut s).unwrap(); print!("漢字 π\\n{s}");
    thread::spawn(|| fs::write("out.txt", "saved π\\n").unwrap()).join().unwrap();
    panic!("lost");
}
"""
_GO = """\
package main
import ("fmt"; "io"; "os"; "sort"; "strings")
func main() {
	s, _ := io.ReadAll(os.Stdin); fmt.Print(strings.ToUpper("漢字 π\\n"[:7]) + "π\\n", string(s))
	sort.Ints([]int{2, 1}); os.WriteFile("out.txt", []byte("saved π\\n"), 0o644)
	panic("lost")
}
"""
_GO_CONNECT = """\
package main
import ("fmt"; "os"; "syscall")
func main() {
	s, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	err := syscall.Connect(s, &syscall.SockaddrInet4{Port: PORT, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
}
"""
_GO_OPENS = """\
package main
import ("fmt"; "os")
func main() { if _, err := os.ReadFile("data.csv"); err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) } }
"""
_PHP = """\
<?php
echo "漢字 π\\n", stream_get_contents(STDIN);
file_put_contents("out.txt", iconv("ISO-8859-1", "UTF-8", "saved ") . "π\\n");
ctype_digit("42") && preg_match("/π/u", "π") && json_encode([1]) && nosuch();
"""
CELLS = {
    "bash": Cell(
        tour='echo "漢字 π"\ncat\necho "saved π" > out.txt\nnosuch',
        says="/sandbox/cell.bash: line 4: nosuch: command not found",
        status=127,
        opens="cat data.csv",
        loop="echo started; while :; do :; done",
        connect=": < /dev/tcp/127.0.0.1/PORT",
        first_line="#!/usr/bin/env bash",
        version="bash --version",
    ),
    "sh": Cell(
        tour='echo "漢字 π"\ncat\necho "saved π" > out.txt\nnosuch',
        says="/sandbox/cell.sh: 4: nosuch: not found",
        status=127,
        opens=". ./data.csv",
        loop="echo started; while :; do :; done",
        first_line="#!/bin/sh",
        version="readlink -f /bin/sh",
    ),
    "node": Cell(
        tour='const fs = require("fs")\nconsole.log("漢字 π"); process.stdout.write(fs.readFileSync(0))\n'
        'fs.writeFileSync("out.txt", new Intl.NumberFormat().format(1) && "saved π\\n")\nnull.x',
        says="/sandbox/cell.js:4",
        status=1,
        opens='require("fs").readFileSync("data.csv")',
        loop='console.log("started"); for (;;);',
        connect='require("net").connect(PORT, "127.0.0.1")',
        first_line="#!/usr/bin/env node",
        version="node --version",
    ),
    "perl": Cell(
        tour='use strict; use JSON::PP; use List::Util "sum";\nprint "漢字 π\\n", <STDIN>;\n'
        'open(my $f, ">", "out.txt") or die; print $f "saved π\\n"; close $f; $! = 0;\ndie "lost" if sum(1, 2) == 3;',
        says="lost at /sandbox/cell.pl line 4",
        status=255,
        opens='open(my $f, "<", "data.csv") or die "cannot open data.csv: $!";',
        loop='print "started\\n"; while (1) {}',
        connect='use IO::Socket::INET; IO::Socket::INET->new("127.0.0.1:PORT") or die $!;',
        first_line="#!/usr/bin/perl",
        version="perl -e 'print $^V'",
    ),
    "ruby": Cell(
        tour='require "json"; require "set"\nputs "漢字 π"; print STDIN.read\n'
        'File.write("out.txt", JSON.parse(%q(["saved π\\n"]))[0])\n[].fetch(9)',
        says="/sandbox/cell.rb:4:in ",
        status=1,
        opens='File.read("data.csv")',
        loop="puts :started; loop {}",
        connect='require "socket"; TCPSocket.new("127.0.0.1", PORT)',
        first_line="#!/usr/bin/env ruby",
        version="ruby --version",
    ),
    "R": Cell(  # R itself gives no lines
        tour='cat("漢字 π\\n")\nwriteLines(readLines(file("stdin")))\nwrite("saved π", "out.txt")\n'
        'pdf("p.pdf"); plot(1:3); invisible(dev.off())\nif (sd(c(1, 3)) > 1 && nrow(head(iris, 2)) == 2) stop("lost")',
        says="Error: lost\nExecution halted",
        status=1,
        opens='read.csv("data.csv")',
        loop='cat("started\\n"); repeat {}',
        connect='s <- socketConnection("127.0.0.1", PORT, timeout = 5)',
        first_line="#!/usr/bin/env Rscript",
        version="Rscript -e 'cat(R.version.string)'",
    ),
    "lua": Cell(
        tour='print("漢字 π")\nio.write(io.read("a"))\n'
        'local f = io.open("out.txt", "w"); f:write(string.format("saved %s\\n", utf8.char(960))); f:close()\nnosuch()',
        says="/sandbox/cell.lua:4: ",
        status=1,
        opens='for line in io.lines("data.csv") do end',
        loop='io.write("started\\n") while true do end',
        first_line="#!/usr/bin/env lua",
        version="lua -v",
    ),
    "php": Cell(
        tour=_PHP,
        says="Call to undefined function nosuch() in /sandbox/cell.php:4",
        status=255,
        opens='<?php file_get_contents("data.csv") or exit(1);',
        loop='<?php echo "started\\n"; for (;;);',
        connect='<?php fsockopen("127.0.0.1", PORT) or exit(1);',
        first_line="#!/usr/bin/env php",
        version="php --version",
    ),
    "julia": Cell(
        tour='using LinearAlgebra, Dates\nprintln("漢字 π"); print(read(stdin, String))\n'
        'write("out.txt", "saved π\\n")\nnorm([3, 4]) == 5 && error("lost")',
        says="in expression starting at /sandbox/cell.jl:4",
        status=1,
        opens='read("data.csv")',
        loop='println("started"); while true end',
        connect='using Sockets; connect("127.0.0.1", PORT)',
        first_line="#!/usr/bin/env julia",
        version="julia --version",
    ),
    "awk": Cell(
        tour='BEGIN {\n  print "漢字 π"; while ((getline line < "-") > 0) print line\n'
        '  print "saved π" > "out.txt"; close("out.txt"); fflush()\n  x = 1 / z\n}',
        says="/sandbox/cell.awk:4: fatal: division by zero",
        status=2,
        opens='BEGIN { if ((getline < "data.csv") < 0) { print "data.csv: " ERRNO > "/dev/stderr"; exit 1 } }',
        loop='BEGIN { print "started"; while (1); }',
        connect='BEGIN { s = "/inet/tcp/0/127.0.0.1/PORT"; if ((s |& getline) < 0) {\n'
        '  print ERRNO > "/dev/stderr"; exit 1 } }',
        first_line="#!/usr/bin/awk -f",
        version="awk --version",
    ),
    "sqlite": Cell(
        tour="select '漢字 π';\n.output out.txt\nselect 'saved π';\n.output stdout\nselect * from nosuch;",
        says="near line 5: no such table: nosuch",
        status=1,
        opens=".read data.csv",
        loop="select 'started';\nwith recursive n(x) as (select 1 union all select x + 1 from n) select sum(x) from n;",
        version="sqlite3 --version",
        reads=False,
    ),
    "c": Cell(
        tour=_C,
        says="/sandbox/cell.c:7: main: Assertion",
        status=-6,
        opens=_C_OPENS,
        loop='#include <stdio.h>\nint main(void) { puts("started"); for (volatile int i = 0;; i++); }',
        connect=_C_CONNECT,
        version="cc --version",
    ),
    "cpp": Cell(
        tour=_CPP,
        says="/sandbox/cell.cpp:7: int main(): Assertion",
        status=-6,
        opens=_C_OPENS,
        loop='#include <iostream>\nint main() { std::cout << "started" << "\\n"; for (volatile int i;;) i = 0; }',
        connect=_C_CONNECT,
        version="c++ --version",
    ),
    "rust": Cell(
        tour=_RUST,
        says="/sandbox/cell.rs:5:5",
        status=101,
        loop='fn main() { println!("started"); loop {} }',
        connect='fn main() {\n  if let Err(e) = std::net::TcpStream::connect("127.0.0.1:PORT") { panic!("{}", e) }\n}',
        version="rustc --version",
    ),
    "go": Cell(
        tour=_GO,
        says="/sandbox/cell.go:6 ",
        status=2,
        opens=_GO_OPENS,
        loop='package main\nimport "fmt"\nfunc main() { fmt.Println("started"); for {} }',
        connect=_GO_CONNECT,
        version="go version",
    ),
}
