// Patterns for paths beneath a root, with the meaning that gitignore(5) gives them; bytes, for names
// need not be text.

/// Why a pattern could never match.
package struct PathPatternError: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// A pattern that paths match or not.
///
/// `*` and `?` match no slash, `**` matches directories of any depth, `[a-z]` and `[!a-z]` one byte,
/// `\` takes the next byte as it is. A pattern with a slash at its start or inside is anchored at the
/// root, another matches at any depth. A slash at the end matches directories only.
package struct PathPattern: Sendable {
  private enum Segment {
    /// `**`: any number of directories.
    case anyDepth
    case glob([Element])
  }
  private enum Element {
    case byte(UInt8)
    case anyByte
    case anyBytes
    case set([ClosedRange<UInt8>], isNegated: Bool)
  }
  private let segments: [Segment]
  private let directoriesOnly: Bool
  private let ignoringCase: Bool

  /// - Parameters:
  ///   - pattern: its bytes.
  ///   - ignoringCase: whether `a` matches `A`; of ASCII letters only.
  /// - Throws: ``PathPatternError`` if it could never match.
  package init(_ pattern: [UInt8], ignoringCase: Bool = false) throws(PathPatternError) {
    let slash = UInt8(ascii: "/")
    var bytes = ignoringCase ? pattern.map(Self.lowered) : pattern
    directoriesOnly = bytes.last == slash
    if directoriesOnly { bytes.removeLast() }
    let isAnchored = bytes.contains(slash)
    if bytes.first == slash { bytes.removeFirst() }
    guard !bytes.isEmpty, !bytes.contains(0) else { throw PathPatternError("it names nothing") }
    var segments: [Segment] = isAnchored ? [] : [.anyDepth]
    let parts = bytes.split(separator: slash, omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if part.elementsEqual("**".utf8) {
        segments.append(.anyDepth)
        // `a/**` means what is inside `a`, not `a` itself.
        if index == parts.count - 1 { segments.append(.glob([.anyBytes])) }
      } else {
        guard !part.isEmpty else { throw PathPatternError("two slashes follow each other") }
        segments.append(.glob(try Self.elements(of: part)))
      }
    }
    self.segments = segments
    self.ignoringCase = ignoringCase
  }

  /// Whether `pattern` has a byte that stands for others, so that it is more than a path.
  package static func isPattern(_ pattern: [UInt8]) -> Bool {
    pattern.contains { "*?[\\".utf8.contains($0) }
  }

  /// Whether the entry at `path`, components from the root on, matches.
  package func matches(_ path: some Collection<[UInt8]>, isDirectory: Bool) -> Bool {
    guard isDirectory || !directoriesOnly else { return false }
    let path = ignoringCase ? path.map { $0.map(Self.lowered) } : Array(path)
    return Self.matches(segments[...], path[...])
  }

  private static func lowered(_ byte: UInt8) -> UInt8 {
    (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
  }

  // MARK: Parsing

  private static func elements(of part: ArraySlice<UInt8>) throws(PathPatternError)
    -> [Element]
  {
    var elements: [Element] = []
    var rest = part
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*"): elements.append(.anyBytes)
      case UInt8(ascii: "?"): elements.append(.anyByte)
      case UInt8(ascii: "["): elements.append(try set(&rest))
      case UInt8(ascii: "\\"):
        guard let next = rest.popFirst() else { throw PathPatternError("it ends in a backslash") }
        elements.append(.byte(next))
      default: elements.append(.byte(byte))
      }
    }
    return elements
  }

  /// What stands between brackets; a `]` in first place stands for itself.
  private static func set(_ rest: inout ArraySlice<UInt8>) throws(PathPatternError)
    -> Element
  {
    var isNegated = false
    if let first = rest.first, first == UInt8(ascii: "!") || first == UInt8(ascii: "^") {
      isNegated = true
      rest.removeFirst()
    }
    var ranges: [ClosedRange<UInt8>] = []
    while true {
      guard var low = rest.popFirst() else { throw PathPatternError("a '[' is never closed") }
      if low == UInt8(ascii: "]"), !ranges.isEmpty { break }
      if low == UInt8(ascii: "["), rest.first == UInt8(ascii: ":") {
        ranges += try named(&rest)
        continue
      }
      if low == UInt8(ascii: "\\") {
        guard let next = rest.popFirst() else { throw PathPatternError("a '[' is never closed") }
        low = next
      }
      var high = low
      if rest.first == UInt8(ascii: "-"), let last = rest.dropFirst().first,
        last != UInt8(ascii: "]")
      {
        rest.removeFirst(2)
        high = last
        if last == UInt8(ascii: "\\"), let next = rest.popFirst() { high = next }
      }
      guard low <= high else {
        throw PathPatternError("a range in brackets is the wrong way round")
      }
      ranges.append(low...high)
    }
    return .set(ranges, isNegated: isNegated)
  }

  private static func named(_ rest: inout ArraySlice<UInt8>)
    throws(PathPatternError) -> [ClosedRange<UInt8>]
  {
    let classes: [(String, [ClosedRange<UInt8>])] = [
      ("alnum", [0x30...0x39, 0x41...0x5a, 0x61...0x7a]), ("alpha", [0x41...0x5a, 0x61...0x7a]),
      ("blank", [0x09...0x09, 0x20...0x20]), ("cntrl", [0x00...0x1f, 0x7f...0x7f]),
      ("digit", [0x30...0x39]), ("graph", [0x21...0x7e]), ("lower", [0x61...0x7a]),
      ("print", [0x20...0x7e]),
      ("punct", [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e]),
      ("space", [0x09...0x0d, 0x20...0x20]), ("upper", [0x41...0x5a]),
      ("xdigit", [0x30...0x39, 0x41...0x46, 0x61...0x66]),
    ]
    for (name, ranges) in classes where rest.starts(with: ":\(name):]".utf8) {
      rest.removeFirst(name.utf8.count + 3)
      return ranges
    }
    throw PathPatternError("it names a class of characters that does not exist")
  }

  // MARK: Matching

  private static func matches(_ segments: ArraySlice<Segment>, _ path: ArraySlice<[UInt8]>) -> Bool
  {
    // Backtracks to the last `**` only: an earlier one could not do better.
    var (segment, component) = (segments.startIndex, path.startIndex)
    var retry: (segment: Int, component: Int)?
    while component < path.endIndex {
      if segment < segments.endIndex {
        switch segments[segment] {
        case .anyDepth:
          retry = (segment, component)
          segment += 1
          continue
        case .glob(let elements) where matches(elements, path[component]):
          segment += 1
          component += 1
          continue
        case .glob: break
        }
      }
      guard let last = retry else { return false }
      segment = last.segment + 1
      component = last.component + 1
      retry = (last.segment, component)
    }
    while segment < segments.endIndex, case .anyDepth = segments[segment] { segment += 1 }
    return segment == segments.endIndex
  }

  private static func matches(_ elements: [Element], _ name: [UInt8]) -> Bool {
    var (element, position) = (0, 0)
    var retry: (element: Int, position: Int)?
    while position < name.count {
      if element < elements.count {
        if case .anyBytes = elements[element] {
          retry = (element, position)
          element += 1
          continue
        }
        if matches(elements[element], name[position]) {
          element += 1
          position += 1
          continue
        }
      }
      guard let last = retry else { return false }
      element = last.element + 1
      position = last.position + 1
      retry = (last.element, position)
    }
    while element < elements.count, case .anyBytes = elements[element] { element += 1 }
    return element == elements.count
  }

  private static func matches(_ element: Element, _ byte: UInt8) -> Bool {
    switch element {
    case .byte(let wanted): wanted == byte
    case .anyByte: true
    case .anyBytes: false
    case .set(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
    }
  }
}
