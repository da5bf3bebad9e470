// ZSTD_CCtx_refPrefix and ZSTD_DCtx_refPrefix are stable since 1.4; nothing static-only is used.
#include <zstd.h>
