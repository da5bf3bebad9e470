#include "CChunker.h"
