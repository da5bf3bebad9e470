// Zstandard (RFC 8878) with reused contexts; a base blob serves as prefix for deltas.

internal import CZstd

/// A failure of the compressor or of the bytes it was given.
package enum ZstdError: Error, Equatable {
  /// No memory for a context.
  case outOfMemory
  /// The frame is damaged, or decodes to another length than announced.
  case damaged
  /// libzstd refused to compress; its own words.
  case refused(String)
}

/// Compresses chunks one after the other; one owner thread.
@safe package final class ZstdEncoder {
  private let context: OpaquePointer

  /// Allocates a context; `level` 1 to 19.
  ///
  /// - Parameter withLongMatches: first finds long matches anywhere in the prefix, however large it is.
  ///   The tables of the levels below 9 forget a prefix of megabytes before the source comes: without
  ///   this, level 3 compresses edited rows to twenty times as much (docs/performance.md).
  package init(level: Int32, withLongMatches: Bool = false) throws(ZstdError) {
    guard let context = unsafe ZSTD_createCCtx() else { throw .outOfMemory }
    unsafe self.context = context
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    if withLongMatches {
      _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1)
    }
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0)
  }

  /// Sets the level of the frames that follow; 1 to 19.
  package func setLevel(_ level: Int32) {
    _ = unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
  }

  /// The most bytes that `count` bytes can compress to.
  package static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  /// Compresses `source` into `output`, which must hold ``bound(_:)`` bytes.
  ///
  /// With `prefix`, matches are also found in it, and decoding needs the same prefix.
  /// - Returns: the bytes written to `output`.
  package func compress(
    _ source: Span<UInt8>, prefix: Span<UInt8>? = nil, into output: inout MutableSpan<UInt8>
  ) throws(ZstdError) -> Int {
    _ = unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
    // The window must reach over the whole prefix; 0 lets the level choose.
    let reach = source.count + (prefix?.count ?? 0)
    let windowLog = prefix == nil ? 0 : max(10, Int32(Int.bitWidth - reach.leadingZeroBitCount))
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, min(windowLog, 27))
    let result = unsafe output.withUnsafeMutableBytes { out in
      unsafe source.withUnsafeBytes { input in
        if let prefix {
          return unsafe prefix.withUnsafeBytes { p in
            _ = unsafe ZSTD_CCtx_refPrefix(context, p.baseAddress, p.count)
            return unsafe ZSTD_compress2(
              context, out.baseAddress, out.count, input.baseAddress, input.count)
          }
        }
        return unsafe ZSTD_compress2(
          context, out.baseAddress, out.count, input.baseAddress, input.count)
      }
    }
    guard ZSTD_isError(result) == 0 else {
      throw .refused(unsafe String(cString: ZSTD_getErrorName(result)))
    }
    return result
  }

  deinit { unsafe ZSTD_freeCCtx(context) }
}

/// Decompresses authenticated blobs; one owner thread.
@safe package final class ZstdDecoder {
  private let context: OpaquePointer

  /// Allocates a context.
  ///
  /// Frames are decoded in place, so a large window takes no memory.
  package init() throws(ZstdError) {
    guard let context = unsafe ZSTD_createDCtx() else { throw .outOfMemory }
    unsafe self.context = context
  }

  /// Decompresses one frame into `output`, which must be exactly as long as the plaintext.
  ///
  /// - Throws: `damaged` if the frame is not valid, or yields fewer or more bytes.
  package func decompress(
    _ source: Span<UInt8>, prefix: Span<UInt8>? = nil, into output: inout MutableSpan<UInt8>
  ) throws(ZstdError) {
    _ = unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    let expected = output.count
    let result = unsafe output.withUnsafeMutableBytes { out in
      unsafe source.withUnsafeBytes { input in
        if let prefix {
          return unsafe prefix.withUnsafeBytes { p in
            _ = unsafe ZSTD_DCtx_refPrefix(context, p.baseAddress, p.count)
            return unsafe ZSTD_decompressDCtx(
              context, out.baseAddress, out.count, input.baseAddress, input.count)
          }
        }
        return unsafe ZSTD_decompressDCtx(
          context, out.baseAddress, out.count, input.baseAddress, input.count)
      }
    }
    guard ZSTD_isError(result) == 0, result == expected else { throw .damaged }
  }

  deinit { unsafe ZSTD_freeDCtx(context) }
}
