// Extended attributes, among them ACLs and capabilities: of open files, and of entries that cannot
// or should not be opened (symbolic links, devices).

import CLinux
import Glibc

extension OwnedDescriptor {
  // MARK: Of the open file

  /// The names of all attributes the user may see, sorted; none where the filesystem has none.
  package borrowing func extendedAttributeNames() throws(SystemError) -> [[UInt8]] {
    try attributeNames(of: nil)
  }

  /// The value of an attribute; nil if there is none of that name.
  package borrowing func extendedAttribute(_ name: some PathName) throws(SystemError) -> [UInt8]? {
    try attribute(name.pathBytes, of: nil)
  }

  /// Sets an attribute, whether or not there was one.
  package borrowing func setExtendedAttribute(
    _ name: some PathName, to value: [UInt8]
  ) throws(SystemError) {
    try setAttribute(name.pathBytes, of: nil, to: value)
  }

  /// Removes an attribute; ENODATA if there is none of that name.
  package borrowing func removeExtendedAttribute(_ name: some PathName) throws(SystemError) {
    let (number, name) = (rawValue, name.pathBytes)
    let result: Int32 = unsafe withCString(name) { name in
      unsafe clinux_remove_attribute(number, nil, name)
    }
    try check(result, "removexattr", name)
  }

  // MARK: Of an entry, never through a symbolic link

  /// As ``extendedAttributeNames()``, of an entry of this directory.
  package borrowing func extendedAttributeNames(
    of path: some PathName
  ) throws(SystemError) -> [[UInt8]] {
    try attributeNames(of: path.pathBytes)
  }

  /// As ``extendedAttribute(_:)``, of an entry of this directory.
  package borrowing func extendedAttribute(
    _ name: some PathName, of path: some PathName
  ) throws(SystemError) -> [UInt8]? {
    try attribute(name.pathBytes, of: path.pathBytes)
  }

  /// As ``setExtendedAttribute(_:to:)``, of an entry of this directory.
  package borrowing func setExtendedAttribute(
    _ name: some PathName, of path: some PathName, to value: [UInt8]
  ) throws(SystemError) {
    try setAttribute(name.pathBytes, of: path.pathBytes, to: value)
  }

  /// Removes an attribute of an entry of this directory; ENODATA if there is none of that name.
  package borrowing func removeExtendedAttribute(
    _ name: some PathName, of path: some PathName
  ) throws(SystemError) {
    let (number, name, path) = (rawValue, name.pathBytes, path.pathBytes)
    let result: Int32 = unsafe withEntry(path) { path in
      unsafe withCString(name) { name in unsafe clinux_remove_attribute(number, path, name) }
    }
    try check(result, "removexattr", path)
  }

  // MARK: Both

  private borrowing func attributeNames(of path: [UInt8]?) throws(SystemError) -> [[UInt8]] {
    let number = rawValue
    do throws(SystemError) {
      let list = try unsafe grown("listxattr", path) { base, count in
        unsafe withEntry(path) { path in
          unsafe clinux_list_attributes(
            number, path, base?.assumingMemoryBound(to: CChar.self), count)
        }
      }
      // Each name ends with a NUL.
      return list.split(separator: 0).map { Array($0) }.sorted { $0.lexicographicallyPrecedes($1) }
    } catch {
      guard error.isUnsupported else { throw error }
      return []
    }
  }

  private borrowing func attribute(
    _ name: [UInt8], of path: [UInt8]?
  ) throws(SystemError) -> [UInt8]? {
    let number = rawValue
    do throws(SystemError) {
      return try unsafe grown("getxattr", path ?? name) { base, count in
        unsafe withEntry(path) { path in
          unsafe withCString(name) { name in
            unsafe clinux_get_attribute(number, path, name, base, count)
          }
        }
      }
    } catch {
      guard error.code == ENODATA || error.isUnsupported else { throw error }
      return nil
    }
  }

  private borrowing func setAttribute(
    _ name: [UInt8], of path: [UInt8]?, to value: [UInt8]
  ) throws(SystemError) {
    let number = rawValue
    let result: Int32 = unsafe withEntry(path) { path in
      unsafe withCString(name) { name in
        unsafe clinux_set_attribute(number, path, name, value, value.count)
      }
    }
    try check(result, "setxattr", path ?? name)
  }

  /// Lends a path that leads to an entry of this directory through its descriptor; nil stays nil.
  ///
  /// There are no calls for attributes relative to a directory before Linux 6.13.
  private borrowing func withEntry<Result: SignedInteger & FixedWidthInteger>(
    _ path: [UInt8]?, _ body: (UnsafePointer<CChar>?) -> Result
  ) -> Result {
    guard let path else { return body(nil) }
    let isRelative = rawValue >= 0 && path.first != UInt8(ascii: "/")
    let full = isRelative ? Array("/proc/self/fd/\(rawValue)/".utf8) + path : path
    return unsafe withCString(full, body)
  }
}

/// Calls with a guess first, then with the size the kernel names, until it fits: it may grow
/// between two calls.
private func grown(
  _ name: String, _ path: [UInt8]?, _ call: (UnsafeMutableRawPointer?, Int) -> Int64
) throws(SystemError) -> [UInt8] {
  var capacity = 256
  // XATTR_SIZE_MAX and XATTR_LIST_MAX are 64 KiB.
  while capacity <= 1 << 24 {
    var bytes = [UInt8](repeating: 0, count: capacity)
    let count = unsafe bytes.withUnsafeMutableBytes { memory in
      unsafe call(memory.baseAddress, memory.count)
    }
    if count != -Int64(ERANGE) { return Array(bytes[..<Int(try check(count, name, path))]) }
    let needed = try check(call(nil, 0), name, path)
    capacity = max(Int(needed), capacity * 2)
  }
  throw SystemError(call: name, path: path, code: E2BIG)
}
