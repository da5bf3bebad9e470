// Paths that rows name, kept in key order in a nameless file until the media walk has met them.

import Files
import Format

/// The distinct values of one file-reference column, as catalog keys in ascending order.
///
/// A column may hold more values than memory does, and a database's snapshot must not be held open
/// while media are read; so values wait in an unlinked file, mapped for reading.
final class ReferenceSpool {
  /// The media source's name.
  private let media: String
  private(set) var valueCount: UInt64 = 0
  /// Values that can be no path beneath the media root: they name `..`, or have no component.
  private(set) var impossible: [String] = []
  private(set) var impossibleCount: UInt64 = 0
  private let file: OwnedDescriptor
  private var byteCount: Int64 = 0
  private var pending: [UInt8] = []
  private var last: CatalogKey?
  /// Values that the server's order and ours place differently: rare, so in memory.
  private var strays: [CatalogKey] = []
  private var mapped: MappedFile?

  /// - Parameter scratch: a folder for the nameless file.
  init(media name: String, scratch: String) throws {
    media = name
    file = try OwnedDescriptor.createTemporary(in: scratch)
  }

  /// Adds a value as the column holds it: a path relative to the media root.
  func append(_ value: Span<UInt8>) throws {
    valueCount += 1
    let bytes = Self.copy(value)
    guard let key = MediaReference.key(of: bytes, in: media) else {
      impossibleCount += 1
      if impossible.count < 1000 { impossible.append(displayed(bytes)) }
      return
    }
    if let last, !(last < key) {
      if last != key { strays.append(key) }
      return
    }
    last = key
    var writer = ByteWriter()
    writer.counted(key.bytes)
    pending += writer.bytes
    if pending.count >= 1 << 18 { try flush() }
  }

  /// Ends the writing; ``makeReader()`` may follow.
  func finish() throws {
    try flush()
    strays = Array(Set(strays)).sorted()
    if byteCount > 0 { mapped = try MappedFile(file, byteCount: Int(byteCount)) }
  }

  /// The keys in ascending order, each once.
  func makeReader() -> Reader { Reader(mapped, strays) }

  private func flush() throws {
    try file.write(pending, at: byteCount)
    byteCount += Int64(pending.count)
    pending.removeAll(keepingCapacity: true)
  }

  private static func copy(_ value: Span<UInt8>) -> [UInt8] {
    (0..<value.count).map { value[$0] }
  }

  /// Walks the keys of a spool.
  final class Reader {
    private let mapped: MappedFile?
    private var offset = 0
    private var strays: ArraySlice<CatalogKey>
    private var ahead: CatalogKey?

    fileprivate init(_ mapped: MappedFile?, _ strays: [CatalogKey]) {
      self.mapped = mapped
      self.strays = strays[...]
      ahead = nextSpooled()
    }

    /// The next key, or nil at the end.
    func next() -> CatalogKey? {
      if let stray = strays.first {
        if ahead == stray {
          strays.removeFirst()
        } else if ahead.map({ stray < $0 }) ?? true {
          strays.removeFirst()
          return stray
        }
      }
      defer { if ahead != nil { ahead = nextSpooled() } }
      return ahead
    }

    private func nextSpooled() -> CatalogKey? {
      mapped?.withSpan { bytes -> CatalogKey? in
        var length = 0
        var shift = 0
        while offset < bytes.count {
          let byte = bytes[offset]
          offset += 1
          length |= Int(byte & 0x7f) << shift
          shift += 7
          if byte & 0x80 == 0 { break }
        }
        guard length > 0, offset + length <= bytes.count else { return nil }
        defer { offset += length }
        return CatalogKey(bytes: (offset..<offset + length).map { bytes[$0] })
      } ?? nil
    }
  }
}

/// Several readers as one ascending sequence without repeats.
final class MergedReferences {
  private var readers: [(reader: ReferenceSpool.Reader, next: CatalogKey?)]

  init(_ spools: [ReferenceSpool]) {
    readers = spools.map { spool in
      let reader = spool.makeReader()
      return (reader, reader.next())
    }
  }

  func next() -> CatalogKey? {
    guard let least = readers.compactMap(\.next).min() else { return nil }
    for i in readers.indices where readers[i].next == least {
      readers[i].next = readers[i].reader.next()
    }
    return least
  }
}
