// A schema as pg_restore prints it, taken apart so that two can be compared object by object.

/// The statements of one archive, by object.
///
/// Order, comments and the printing program don't count.
struct SchemaText {
  /// Object, as `TABLE public.product`, to what makes it; several texts if names collide.
  private(set) var objects: [String: [String]] = [:]

  /// Reads the output of `pg_restore --file=-`.
  ///
  /// pg_restore heads each entry with `-- Name: …; Type: …; Schema: …; Owner: …` between two lines
  /// `--` (_printTocEntry in pg_backup_archiver.c). Lines that set a default for the entries that
  /// follow are printed where it changes, so they are carried to every entry they hold for. Large
  /// objects are left out: they are compared by content elsewhere.
  /// - Parameters:
  ///   - text: what pg_restore printed.
  ///   - comparingOwners: whether another owner is a difference.
  init(_ text: String, comparingOwners: Bool = true) {
    var reader = Reader(comparingOwners: comparingOwners)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let isHeader =
        line.hasPrefix("-- Name: ") && line.contains("; Type: ") && line.contains("; Owner: ")
        && number > 0 && lines[number - 1] == "--"
        && number + 1 < lines.count && lines[number + 1] == "--"
      reader.take(line, isHeader: isHeader)
    }
    reader.finish()
    objects = reader.objects
  }

  private struct Reader {
    let comparingOwners: Bool
    var objects: [String: [String]] = [:]
    private var name: String?
    private var body: [Substring] = []
    private var accessMethod = "heap"

    init(comparingOwners: Bool) { self.comparingOwners = comparingOwners }

    mutating func take(_ line: Substring, isHeader: Bool) {
      if isHeader {
        finish()
        name = SchemaText.object(inHeader: line, withOwner: comparingOwners)
        return
      }
      // Before the first header stand session settings only.
      guard name != nil else { return }
      // The key that these two carry is random.
      if line.hasPrefix("\\restrict ") || line.hasPrefix("\\unrestrict ") { return }
      if let method = SchemaText.value(line, of: "default_table_access_method") {
        accessMethod = method
        return
      }
      if SchemaText.value(line, of: "default_tablespace") != nil { return }
      body.append(line)
    }

    mutating func finish() {
      defer {
        name = nil
        body = []
      }
      guard let name else { return }
      var lines = body
      // What surrounds an entry: blank lines, the `--` of the next header, the closing comment.
      while let last = lines.last,
        last.isEmpty || last == "--" || last == "-- PostgreSQL database dump complete"
      {
        lines.removeLast()
      }
      while let first = lines.first, first.isEmpty || first == "--" { lines.removeFirst() }
      if name.hasPrefix("TABLE ") || name.hasPrefix("MATERIALIZED VIEW ") {
        lines.append("-- access method \(accessMethod)")
      }
      guard !SchemaText.isLargeObject(name) else { return }
      objects[name, default: []].append(lines.joined(separator: "\n"))
    }
  }

  /// `TABLE public.product` from `-- Name: product; Type: TABLE; Schema: public; Owner: shop`.
  private static func object(inHeader line: Substring, withOwner: Bool) -> String {
    // Names may hold anything but a line end, "; Type: " included: the last one is pg_restore's.
    guard let typeStart = line.ranges(of: "; Type: ").last?.lowerBound else { return String(line) }
    let name = line[..<typeStart].dropFirst("-- Name: ".count)
    let rest = line[typeStart...].dropFirst("; Type: ".count)
    guard let schemaStart = rest.firstRange(of: "; Schema: ")?.lowerBound else {
      return String(line)
    }
    let type = rest[..<schemaStart]
    var schema = rest[schemaStart...].dropFirst("; Schema: ".count)
    var owner = schema
    if let ownerStart = schema.ranges(of: "; Owner: ").last {
      owner = schema[ownerStart.upperBound...]
      schema = schema[..<ownerStart.lowerBound]
    }
    if let tablespace = owner.firstRange(of: "; Tablespace: ") {
      owner = owner[..<tablespace.lowerBound]
    }
    let place = schema == "-" ? "" : "\(schema)."
    return "\(type) \(place)\(name)" + (withOwner ? " owned by \(owner)" : "")
  }

  private static func value(_ line: Substring, of setting: String) -> String? {
    guard line.hasPrefix("SET \(setting) = "), line.hasSuffix(";") else { return nil }
    return String(line.dropFirst("SET \(setting) = ".count).dropLast())
  }

  private static func isLargeObject(_ name: String) -> Bool {
    name.hasPrefix("BLOB") || name.hasPrefix("ACL LARGE OBJECT")
      || name.hasPrefix("COMMENT LARGE OBJECT") || name.hasPrefix("SECURITY LABEL LARGE OBJECT")
  }

  /// How `copy` differs from this, one line an object; empty if they are equal.
  func differences(in copy: SchemaText) -> [String] {
    var result: [String] = []
    for name in Set(objects.keys).union(copy.objects.keys).sorted() {
      let mine = (objects[name] ?? []).sorted()
      let theirs = (copy.objects[name] ?? []).sorted()
      if mine == theirs { continue }
      if theirs.isEmpty {
        result.append("missing: \(name)")
      } else if mine.isEmpty {
        result.append("added: \(name)")
      } else {
        result.append("changed: \(name): \(Self.firstDifference(mine, theirs))")
      }
    }
    return result
  }

  private static func firstDifference(_ expected: [String], _ actual: [String]) -> String {
    let mine = expected.joined(separator: "\n").split(separator: "\n")
    let theirs = actual.joined(separator: "\n").split(separator: "\n")
    for index in 0..<max(mine.count, theirs.count) {
      let left = index < mine.count ? mine[index] : ""
      let right = index < theirs.count ? theirs[index] : ""
      if left != right {
        return "expected '\(trimmed(left))', found '\(trimmed(right))'"
      }
    }
    return "in number"
  }

  private static func trimmed(_ line: Substring) -> String {
    let line = line.drop { $0 == " " }
    return line.count > 150 ? line.prefix(150) + "…" : String(line)
  }

  /// Constraints that are declared without having been checked against the rows, NOT NULL among them; from
  /// PostgreSQL 18 on also such as are not enforced.
  var unvalidatedConstraintCount: Int {
    objects.reduce(0) { sum, item in
      guard ["FK ", "CHECK ", ""].contains(where: { item.key.hasPrefix("\($0)CONSTRAINT ") })
      else { return sum }
      return sum
        + item.value.count { $0.hasSuffix(" NOT VALID;") || $0.hasSuffix(" NOT ENFORCED;") }
    }
  }

  /// Foreign keys, each of which PostgreSQL checked against all rows when it was made.
  var foreignKeyCount: Int {
    objects.reduce(0) { $0 + ($1.key.hasPrefix("FK CONSTRAINT ") ? $1.value.count : 0) }
  }
}
