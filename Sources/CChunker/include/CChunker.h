#ifndef CCHUNKER_H
#define CCHUNKER_H
#endif
