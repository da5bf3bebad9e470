// How a value in a row names a file of a media source: the one rule for captures and drills.

/// A value that names a file, such as Django's file fields hold: a path relative to the media folder.
package enum MediaReference {
  /// The key of the file that `value` names in `media`.
  ///
  /// A slash at the front, doubled slashes and `.` components mean nothing, as when a web server serves
  /// the file.
  /// - Returns: nil for what names no file in the folder: an empty path, one with `..` or a zero byte.
  package static func key(of value: some Sequence<UInt8>, in media: String) -> CatalogKey? {
    var bytes = CatalogKey.media(media).bytes
    let start = bytes.count
    var component: [UInt8] = []
    func add() -> Bool {
      defer { component = [] }
      if component.isEmpty || component == [UInt8(ascii: ".")] { return true }
      if component == [UInt8(ascii: "."), UInt8(ascii: ".")] || component.contains(0) {
        return false
      }
      bytes.append(0)
      bytes += component
      return true
    }
    for byte in value {
      if byte != UInt8(ascii: "/") {
        component.append(byte)
      } else if !add() {
        return nil
      }
    }
    guard add(), bytes.count > start else { return nil }
    return CatalogKey(bytes: bytes)
  }
}
