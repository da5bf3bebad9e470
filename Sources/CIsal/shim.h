// Intel's storage library: Reed-Solomon codes over GF(2^8) and CRC-64. Nothing else of it is used.
#include <isa-l/crc64.h>
#include <isa-l/erasure_code.h>
