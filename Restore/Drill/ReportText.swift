// The report on a terminal: 80 columns, worst news first, nothing a terminal would obey.

extension DrillReport {
  /// The report for a terminal or a mail, 80 columns wide.
  ///
  /// - Parameter colour: whether verdicts are coloured with ANSI sequences.
  /// - Returns: lines that each end with a newline.
  package func text(colour: Bool) -> String {
    var page = TextPage(colour: colour)
    page.line("Drill of snapshot \(snapshot.id.prefix(8))")
    page.line(page.mark(headline.uppercased(), verdict))
    page.paragraph(summary)
    page.line("")
    let taken = ReportWords.moment(snapshot.time)
    page.row("snapshot", "\(snapshot.id.prefix(16))…, taken \(taken)")
    page.row("of", sources)
    page.row("restored by", "\(program) on \(host), \(ReportWords.moment(time))")
    page.row("into", destination)
    page.row("brought back", volume.words)
    page.row(
      "recovery time",
      target(recoveryTime.totalSeconds, recoveryTime.targetSeconds, recoveryTime.isWithinTarget))
    page.row(
      "data at risk",
      target(recoveryPoint.ageSeconds, recoveryPoint.targetSeconds, recoveryPoint.isWithinTarget))
    page.row("comparing took", ReportWords.duration(verificationSeconds))

    attentionLines(&page)
    phaseLines(&page)
    for group in Self.groups {
      let members = checks.filter { $0.group == group.id }
      guard !members.isEmpty else { continue }
      page.heading(group.heading)
      for check in members { checkLines(check, &page) }
    }
    if !notCovered.isEmpty {
      page.heading("Not covered by this drill")
      for item in notCovered { page.item(item, indent: 2) }
    }
    return page.text
  }

  var sources: String {
    let all = snapshot.databases.map { "database \($0)" } + snapshot.media.map { "media \($0)" }
    return (all.isEmpty ? "nothing" : all.joined(separator: ", ")) + " of \(snapshot.host)"
  }

  var destination: String {
    let versions = scratch.serverVersions.map { "PostgreSQL \($0)" }.joined(separator: ", ")
    switch scratch.kind {
    case .privateCluster: return "a private scratch server, \(versions)"
    case .server: return "a scratch database on a server that was named, \(versions)"
    case .none: return "no server: the snapshot holds no database"
    }
  }

  private func target(_ value: Double, _ target: Double?, _ isWithin: Bool?) -> String {
    let shown = ReportWords.duration(value)
    guard let target, let isWithin else { return "\(shown), no target set" }
    return "\(shown), \(isWithin ? "within" : "OVER") the target of \(ReportWords.duration(target))"
  }

  private func attentionLines(_ page: inout TextPage) {
    let worst = attentionList
    guard !worst.isEmpty else { return }
    page.heading("What needs attention")
    for (_, check) in worst {
      let subject = check.subject.map { " (\($0))" } ?? ""
      page.item(
        "\(check.title)\(subject): \(check.actual)", indent: 8, first: "  \(mark(check, page))  ")
    }
  }

  private func mark(_ check: DrillCheck, _ page: TextPage) -> String {
    switch check.verdict {
    case .pass: page.mark("ok  ", .pass)
    case .warnings: page.mark("WARN", .warnings)
    case .fail: page.mark("FAIL", .fail)
    }
  }

  private func phaseLines(_ page: inout TextPage) {
    let phases = recoveryTime.phasesByName
    guard let longest = phases.map(\.seconds).max(), longest > 0 else { return }
    page.heading("Recovery by phase")
    for phase in phases {
      let length = Int((phase.seconds / longest * 30).rounded())
      let name = ReportWords.harmless(phase.name)
      page.line(
        "  " + TextPage.padded(name, 26)
          + TextPage.padded(ReportWords.duration(phase.seconds), 14)
          + String(repeating: "█", count: length))
    }
  }

  private func checkLines(_ check: DrillCheck, _ page: inout TextPage) {
    let subject = check.subject.map { " (\($0))" } ?? ""
    page.item(
      "\(check.title)\(subject)", indent: 8, first: "  \(mark(check, page))  ")
    if check.verdict == .pass {
      page.item(check.actual, indent: 10)
    } else {
      page.item(check.expected, indent: 20, first: "          expected  ")
      page.item(check.actual, indent: 20, first: "          actual    ")
      for detail in check.details {
        page.item(detail, indent: 14, first: "            - ")
      }
    }
  }
}

extension DrillVolume {
  /// Everything that was brought back, in one line.
  var words: String {
    var parts: [String] = []
    if tables > 0 {
      parts.append(
        "\(ReportWords.count(rows, "row")) of \(ReportWords.count(tables, "table"))")
    }
    if largeObjects > 0 { parts.append(ReportWords.count(largeObjects, "large object")) }
    if files > 0 { parts.append(ReportWords.count(files, "file")) }
    parts.append(ReportWords.bytes(bytes))
    return parts.joined(separator: ", ")
  }
}

/// Lines of at most 80 columns.
struct TextPage {
  static let width = 80
  private let colour: Bool
  private(set) var text = ""

  init(colour: Bool) { self.colour = colour }

  /// `word` in the colour of `verdict`; the caller's own words only, never a name.
  func mark(_ word: String, _ verdict: Verdict) -> String {
    guard colour else { return word }
    let code =
      switch verdict {
      case .pass: "32"
      case .warnings: "33"
      case .fail: "1;31"
      }
    return "\u{1B}[\(code)m\(word)\u{1B}[0m"
  }

  mutating func line(_ line: String) { text += line + "\n" }

  mutating func heading(_ heading: String) {
    line("")
    line(heading)
    line(String(repeating: "─", count: heading.count))
  }

  mutating func paragraph(_ words: String) { item(words, indent: 0) }

  mutating func row(_ name: String, _ value: String) {
    item(value, indent: 16, first: Self.padded(name, 16))
  }

  /// Wraps `words`, which may hold anything, behind `first`, which shows `indent` columns wide.
  mutating func item(_ words: String, indent: Int, first: String? = nil) {
    let margin = String(repeating: " ", count: indent)
    var start = first ?? margin
    var current = ""
    for word in ReportWords.harmless(words.replacing("\n", with: " ")).split(separator: " ") {
      var word = word
      while true {
        let room = Self.width - indent - current.count - (current.isEmpty ? 0 : 1)
        if word.count <= room {
          current += (current.isEmpty ? "" : " ") + word
          break
        }
        if current.isEmpty {
          // A word longer than a line is cut: names may be as long as they like.
          current = String(word.prefix(room))
          word = word.dropFirst(room)
        }
        line(start + current)
        start = margin
        current = ""
        if word.isEmpty { break }
      }
    }
    line(current.isEmpty ? String(start.reversed().drop { $0 == " " }.reversed()) : start + current)
  }

  static func padded(_ text: String, _ width: Int) -> String {
    text.count >= width
      ? text + " " : text + String(repeating: " ", count: width - text.count)
  }
}
