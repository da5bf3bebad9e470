// Lends the addresses that C asks for: never nil, also for empty spans.

extension Span where Element == UInt8 {
  /// Calls `body` with the address of the first byte, or of nothing readable if the span is empty.
  func withAddress<R>(_ body: (UnsafePointer<UInt8>) -> R) -> R {
    unsafe withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        // Some address that is not null: with a length of 0 nothing is read there.
        return unsafe body(UnsafePointer(bitPattern: 16).unsafelyUnwrapped)
      }
      return unsafe body(base)
    }
  }
}

extension MutableSpan where Element == UInt8 {
  /// Calls `body` with the address of the first byte, or of nothing writable if the span is empty.
  mutating func withAddress<R>(_ body: (UnsafeMutablePointer<UInt8>) -> R) -> R {
    unsafe withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        return unsafe body(UnsafeMutablePointer(bitPattern: 16).unsafelyUnwrapped)
      }
      return unsafe body(base)
    }
  }
}

extension Secret {
  /// Calls `body` with the address of the secret.
  func withAddress<R>(_ body: (UnsafePointer<UInt8>) -> R) -> R {
    withBytes { span in unsafe span.withAddress(body) }
  }
}
