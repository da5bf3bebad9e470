// Owns the reading of an archive's table of contents.

/// One line of an archive's table of contents.
package struct ArchiveEntry: Equatable, Sendable {
  /// pg_dump's number of it within the archive.
  var number: Int
  /// Kind, schema (`-` for none), tag and owner with single spaces between, as listed.
  var text: String
  var dependencies: [Int] = []

  /// Reads what `pg_restore --list --verbose` prints.
  package static func entries(of listing: String) -> [ArchiveEntry] {
    var result: [ArchiveEntry] = []
    for line in listing.split(separator: "\n") {
      if line.hasPrefix(";") {
        let words = line.dropFirst().split(whereSeparator: \.isWhitespace)
        guard words.starts(with: ["depends", "on:"]), !result.isEmpty else { continue }
        result[result.count - 1].dependencies = words.dropFirst(2).compactMap { Int($0) }
        continue
      }
      // "215; 1259 16385 TABLE public orders alice"
      guard let semicolon = line.firstIndex(of: ";"), let number = Int(line[..<semicolon])
      else { continue }
      let rest = line[line.index(after: semicolon)...].drop { $0 == " " }
        .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      guard rest.count == 3 else { continue }
      result.append(ArchiveEntry(number: number, text: String(rest[2])))
    }
    return result
  }

  /// Fills a materialized view (`REFRESH`), in spite of its name.
  var isRefresh: Bool { text.hasPrefix("MATERIALIZED VIEW DATA ") }

  /// An event trigger, or something about one.
  var isEventTrigger: Bool {
    ["", "COMMENT - ", "SECURITY LABEL - "].contains { text.hasPrefix("\($0)EVENT TRIGGER ") }
  }

  /// The name of the subscription that this defines; nil for any other entry.
  var subscription: String? {
    // "SUBSCRIPTION - feed alice"
    guard text.hasPrefix("SUBSCRIPTION - "), let space = text.lastIndex(of: " ") else { return nil }
    return String(text[..<space].dropFirst("SUBSCRIPTION - ".count))
  }

  /// The ``text`` of the entry that pg_restore heads with this line of a script; nil if it heads none.
  ///
  /// `-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: alice` is `CONSTRAINT public t t_pkey alice`.
  static func text(ofHeader line: String) -> String? {
    guard line.hasPrefix("-- Name: "), let type = line.ranges(of: "; Type: ").last,
      let schema = line.ranges(of: "; Schema: ").last, type.upperBound <= schema.lowerBound,
      let owner = line.ranges(of: "; Owner: ").last, schema.upperBound <= owner.lowerBound
    else { return nil }
    let name = line[..<type.lowerBound].dropFirst("-- Name: ".count)
    let tablespace = line.ranges(of: "; Tablespace: ").last?.lowerBound ?? line.endIndex
    let end = max(owner.upperBound, tablespace)
    return [
      line[type.upperBound..<schema.lowerBound], line[schema.upperBound..<owner.lowerBound], name,
      line[owner.upperBound..<end],
    ].joined(separator: " ")
  }
}
