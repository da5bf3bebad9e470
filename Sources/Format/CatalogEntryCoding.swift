// Catalog entries to bytes and back.

extension CatalogEntry {
  private enum Tag: UInt8 {
    case directory = 1
    case file = 2
    case symlink = 3
    case hardLink = 4
    case fifo = 5
    case socket = 6
    case characterDevice = 7
    case blockDevice = 8
    case unreadable = 9
    case stream = 16
    case largeObject = 17
    case range = 18
    case table = 19
  }

  /// The entry as a node stores it.
  package var encoded: [UInt8] {
    var writer = ByteWriter(reserving: 128)
    switch self {
    case .directory(let metadata):
      writer.u8(Tag.directory.rawValue)
      metadata.encode(to: &writer)
    case .file(let file):
      writer.u8(Tag.file.rawValue)
      file.metadata.encode(to: &writer)
      writer.varint(file.byteCount)
      writer.u8(
        (file.extents == nil ? 0 : 1) | (file.changedWhileRead ? 2 : 0)
          | (file.carriedForward ? 4 : 0))
      if let extents = file.extents {
        writer.varint(UInt64(extents.count))
        for extent in extents {
          writer.varint(extent.offset)
          writer.varint(extent.byteCount)
        }
      }
      file.content.encode(to: &writer)
    case .symlink(let metadata, let target):
      writer.u8(Tag.symlink.rawValue)
      metadata.encode(to: &writer)
      writer.counted(target)
    case .hardLink(let target):
      writer.u8(Tag.hardLink.rawValue)
      writer.counted(target.bytes)
    case .fifo(let metadata):
      writer.u8(Tag.fifo.rawValue)
      metadata.encode(to: &writer)
    case .socket(let metadata):
      writer.u8(Tag.socket.rawValue)
      metadata.encode(to: &writer)
    case .characterDevice(let metadata, let major, let minor):
      writer.u8(Tag.characterDevice.rawValue)
      metadata.encode(to: &writer)
      writer.u32(major)
      writer.u32(minor)
    case .blockDevice(let metadata, let major, let minor):
      writer.u8(Tag.blockDevice.rawValue)
      metadata.encode(to: &writer)
      writer.u32(major)
      writer.u32(minor)
    case .unreadable(let reason):
      writer.u8(Tag.unreadable.rawValue)
      writer.text(reason)
    case .stream(let content):
      writer.u8(Tag.stream.rawValue)
      content.encode(to: &writer)
    case .largeObject(let object):
      writer.u8(Tag.largeObject.rawValue)
      writer.text(object.owner)
      writer.optional(object.privileges)
      writer.optional(object.comment)
      object.content.encode(to: &writer)
    case .range(let range):
      writer.u8(Tag.range.rawValue)
      writer.varint(range.rowCount)
      writer.u8(range.format.rawValue)
      writer.digest(range.digest)
      range.content.encode(to: &writer)
    case .table(let table):
      writer.u8(Tag.table.rawValue)
      writer.varint(UInt64(table.columns.count))
      for column in table.columns { writer.text(column) }
      writer.varint(table.rowCount)
      writer.varint(table.byteCount)
      writer.digest(table.digest)
      writer.u8((table.isExtensionConfiguration ? 1 : 0) | (table.loadThrough == nil ? 0 : 2))
      if let root = table.loadThrough {
        writer.text(root.schema)
        writer.text(root.name)
      }
      writer.optional(table.excluded)
    }
    return writer.bytes
  }

  /// Reads an entry that takes all of `bytes`.
  package init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    guard let tag = Tag(rawValue: try reader.u8()) else { throw .invalid("catalog entry tag") }
    switch tag {
    case .directory: self = .directory(try FileMetadata(from: &reader))
    case .file: self = .file(try FileEntry(from: &reader))
    case .symlink:
      let metadata = try FileMetadata(from: &reader)
      self = .symlink(metadata, target: try reader.counted())
    case .hardLink: self = .hardLink(target: CatalogKey(bytes: try reader.counted()))
    case .fifo: self = .fifo(try FileMetadata(from: &reader))
    case .socket: self = .socket(try FileMetadata(from: &reader))
    case .characterDevice:
      let metadata = try FileMetadata(from: &reader)
      self = .characterDevice(metadata, major: try reader.u32(), minor: try reader.u32())
    case .blockDevice:
      let metadata = try FileMetadata(from: &reader)
      self = .blockDevice(metadata, major: try reader.u32(), minor: try reader.u32())
    case .unreadable: self = .unreadable(reason: try reader.text())
    case .stream: self = .stream(try Content(from: &reader))
    case .largeObject:
      let owner = try reader.text()
      let privileges = try reader.optional()
      let comment = try reader.optional()
      self = .largeObject(
        LargeObject(
          owner: owner, privileges: privileges, comment: comment,
          content: try Content(from: &reader)))
    case .range:
      let rows = try reader.varint()
      guard let format = TableRange.RowFormat(rawValue: try reader.u8()) else {
        throw .invalid("row format")
      }
      let digest = try reader.digest()
      self = .range(
        TableRange(
          rowCount: rows, format: format, content: try Content(from: &reader), digest: digest))
    case .table: self = .table(try TableSummary(from: &reader))
    }
    try reader.end()
  }
}

extension FileEntry {
  fileprivate init(from reader: inout ByteReader) throws(FormatError) {
    metadata = try FileMetadata(from: &reader)
    byteCount = try reader.varint()
    let marks = try reader.u8()
    guard marks < 8 else { throw .invalid("file marks") }
    changedWhileRead = marks & 2 != 0
    carriedForward = marks & 4 != 0
    extents = nil
    if marks & 1 != 0 {
      var list: [Extent] = []
      var end: UInt64 = 0
      for _ in 0..<(try reader.count(limit: reader.remaining / 2)) {
        let extent = Extent(offset: try reader.varint(), byteCount: try reader.varint())
        let (after, overflow) = extent.offset.addingReportingOverflow(extent.byteCount)
        guard extent.offset >= end, !overflow, after <= byteCount else { throw .invalid("extent") }
        end = after
        list.append(extent)
      }
      extents = list
    }
    content = try Content(from: &reader)
    let data = extents?.reduce(UInt64(0)) { $0 &+ $1.byteCount } ?? byteCount
    guard content.byteCount == data else { throw .invalid("file length") }
  }
}

extension TableSummary {
  fileprivate init(from reader: inout ByteReader) throws(FormatError) {
    columns = []
    for _ in 0..<(try reader.count(limit: reader.remaining)) { columns.append(try reader.text()) }
    rowCount = try reader.varint()
    byteCount = try reader.varint()
    digest = try reader.digest()
    let marks = try reader.u8()
    guard marks < 4 else { throw .invalid("table marks") }
    isExtensionConfiguration = marks & 1 != 0
    loadThrough =
      marks & 2 != 0
      ? QualifiedName(schema: try reader.text(), name: try reader.text()) : nil
    excluded = try reader.optional()
  }
}

extension ByteWriter {
  /// 0, or 1 and the text.
  fileprivate mutating func optional(_ value: String?) {
    u8(value == nil ? 0 : 1)
    if let value { text(value) }
  }
}

extension ByteReader {
  fileprivate mutating func optional() throws(FormatError) -> String? {
    switch try u8() {
    case 0: return nil
    case 1: return try text()
    default: throw .invalid("optional mark")
    }
  }
}
