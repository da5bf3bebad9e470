// System calls that Swift cannot import: variadic functions and calls without a libc wrapper.
#ifndef CLINUX_H
#define CLINUX_H
#endif
