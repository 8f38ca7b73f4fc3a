/* Linked into a program in C or C++: what it prints goes out line by line, as at a terminal; so it is seen at once,
 * and is there when the program crashes. In a pipe the C library would hold back some kilobytes. */
#include <stdio.h>

__attribute__((constructor)) static void write_lines(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}
