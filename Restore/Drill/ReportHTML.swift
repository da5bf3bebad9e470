// The report as one page: no script, nothing from elsewhere, every name escaped.

extension DrillReport {
  /// The report as one self-contained HTML page, for screens in light and dark and for paper.
  package func html() -> String {
    var page = HTMLPage()
    page.raw("<header class=\"banner \(verdict.rawValue)\"><div class=\"inner\">")
    page.element("p", "Recovery drill", class: "kind")
    page.raw("<h1><span class=\"sign\" aria-hidden=\"true\">\(verdict.sign)</span>")
    page.text(headline)
    page.raw("</h1>")
    page.element("p", summary, class: "summary")
    page.element(
      "p",
      "Snapshot \(snapshot.id.prefix(12)) of \(snapshot.host), taken"
        + " \(ReportWords.moment(snapshot.time)), drilled \(ReportWords.moment(time))",
      class: "subject")
    page.raw("</div></header><main>")
    tiles(&page)
    attention(&page)
    phases(&page)
    for group in Self.groups {
      let members = checks.enumerated().filter { $0.element.group == group.id }
      if !members.isEmpty { section(group.heading, members.map { ($0.offset, $0.element) }, &page) }
    }
    gaps(&page)
    facts(&page)
    page.raw("</main><footer>")
    page.text(
      "Written by \(program) on \(host). Times are UTC. The recovery time counts what a real recovery"
        + " would do; comparing took another \(ReportWords.duration(verificationSeconds)).")
    page.raw("</footer>")
    return page.document(title: "Drill \(snapshot.id.prefix(8)): \(headline.lowercased())")
  }

  // MARK: Parts

  private func tiles(_ page: inout HTMLPage) {
    page.raw("<section class=\"tiles\" aria-label=\"Results at a glance\">")
    tile(
      "Recovery time", "RTO", recoveryTime.totalSeconds, recoveryTime.targetSeconds,
      recoveryTime.isWithinTarget, "until database and files were back", &page)
    tile(
      "Data at risk", "RPO", recoveryPoint.ageSeconds, recoveryPoint.targetSeconds,
      recoveryPoint.isWithinTarget, "the age of this snapshot", &page)
    page.raw("<div class=\"tile\">")
    page.element("h2", "Brought back")
    page.element("p", ReportWords.bytes(volume.bytes), class: "figure")
    var parts: [String] = []
    if volume.tables > 0 {
      parts.append(
        "\(ReportWords.count(volume.rows, "row")) in \(ReportWords.count(volume.tables, "table"))")
    }
    if volume.largeObjects > 0 {
      parts.append(ReportWords.count(volume.largeObjects, "large object"))
    }
    if volume.files > 0 { parts.append(ReportWords.count(volume.files, "file")) }
    page.element("p", parts.joined(separator: ", "), class: "note")
    page.raw("</div><div class=\"tile\">")
    page.element("h2", "Checks")
    page.element("p", "\(count(.pass)) of \(checks.count) passed", class: "figure")
    page.raw("<p class=\"tally\" aria-hidden=\"true\">")
    for verdict in Verdict.allCases where count(verdict) > 0 {
      let share = Double(count(verdict)) / Double(checks.count) * 100
      page.raw(
        "<span class=\"\(verdict.rawValue)\" style=\"width:\(ReportWords.decimal(share, digits: 2))%\"></span>"
      )
    }
    page.raw("</p>")
    page.element(
      "p",
      "\(ReportWords.count(count(.warnings), "warning")), \(ReportWords.count(count(.fail), "failure"))",
      class: "note")
    page.raw("</div></section>")
  }

  private func tile(
    _ name: String, _ short: String, _ value: Double, _ target: Double?, _ isWithin: Bool?,
    _ note: String, _ page: inout HTMLPage
  ) {
    let state = isWithin == nil ? "" : isWithin == true ? " within" : " over"
    page.raw("<div class=\"tile\(state)\">")
    page.raw("<h2>\(name) <abbr>\(short)</abbr></h2>")
    page.element("p", ReportWords.duration(value), class: "figure")
    if let target, target > 0 {
      let share = min(max(value / target, 0), 1) * 100
      page.raw(
        "<p class=\"meter\" aria-hidden=\"true\"><span style=\"width:\(ReportWords.decimal(share, digits: 1))%\"></span></p>"
      )
      page.element(
        "p",
        "\(isWithin == true ? "within" : "over") the target of \(ReportWords.duration(target)); \(note)",
        class: "note")
    } else {
      page.element("p", "\(note); no target is set", class: "note")
    }
    page.raw("</div>")
  }

  private func attention(_ page: inout HTMLPage) {
    let worst = attentionList
    guard !worst.isEmpty else { return }
    page.raw("<section class=\"attention\"><h2>What needs attention</h2><ul>")
    for (number, check) in worst {
      page.raw("<li class=\"\(check.verdict.rawValue)\"><a href=\"#check-\(number)\">")
      page.raw("<span class=\"badge\">\(check.verdict.word)</span> <span>")
      page.text(check.title)
      if let subject = check.subject {
        page.raw(" <span class=\"on\">")
        page.text(subject)
        page.raw("</span>")
      }
      page.raw("</span></a>")
      page.element("p", check.actual)
      page.raw("</li>")
    }
    page.raw("</ul></section>")
  }

  private func phases(_ page: inout HTMLPage) {
    let phases = recoveryTime.phasesByName.filter { $0.seconds > 0 }
    guard let longest = phases.map(\.seconds).max(), longest > 0 else { return }
    page.raw("<section><h2>Recovery, phase by phase</h2><table class=\"phases\"><tbody>")
    for phase in phases {
      let width = ReportWords.decimal(max(phase.seconds / longest * 100, 0.4), digits: 1)
      let share = ReportWords.decimal(
        phase.seconds / max(recoveryTime.totalSeconds, phase.seconds) * 100, digits: 0)
      page.raw("<tr><th scope=\"row\">")
      page.text(phase.name)
      page.raw("</th><td class=\"bar\"><span style=\"width:\(width)%\"></span></td><td>")
      page.text(ReportWords.duration(phase.seconds))
      page.raw("</td><td class=\"share\">\(share) %</td></tr>")
    }
    page.raw("</tbody></table></section>")
  }

  private func section(_ heading: String, _ members: [(Int, DrillCheck)], _ page: inout HTMLPage) {
    page.raw("<section class=\"checks\"><h2>")
    page.text(heading)
    page.raw("</h2>")
    for (number, check) in members {
      page.raw("<article id=\"check-\(number)\" class=\"check \(check.verdict.rawValue)\"><h3>")
      page.raw("<span class=\"badge\">\(check.verdict.word)</span> ")
      page.text(check.title)
      if let subject = check.subject {
        page.raw(" <span class=\"on\">")
        page.text(subject)
        page.raw("</span>")
      }
      page.raw("<span class=\"time\">")
      page.text(ReportWords.duration(check.seconds))
      page.raw("</span></h3><dl><div><dt>Expected</dt>")
      page.element("dd", check.expected)
      page.raw("</div><div><dt>Actual</dt>")
      page.element("dd", check.actual)
      page.raw("</div></dl>")
      if !check.details.isEmpty {
        page.raw("<ul>")
        for detail in check.details { page.element("li", detail) }
        page.raw("</ul>")
      }
      page.raw("</article>")
    }
    page.raw("</section>")
  }

  private func gaps(_ page: inout HTMLPage) {
    page.raw("<section><h2>Not covered by this drill</h2>")
    if notCovered.isEmpty {
      page.element("p", "Nothing that is known of was left out.")
    } else {
      page.raw("<ul class=\"gaps\">")
      for item in notCovered { page.element("li", item) }
      page.raw("</ul>")
    }
    page.raw("</section>")
  }

  private func facts(_ page: inout HTMLPage) {
    page.raw("<section><h2>Facts</h2><dl class=\"facts\">")
    var rows: [(String, String)] = [
      ("Snapshot", snapshot.id), ("Taken", ReportWords.moment(snapshot.time)),
      ("On host", snapshot.host), ("By", snapshot.program),
      ("Databases", snapshot.databases.joined(separator: ", ")),
      ("Media", snapshot.media.joined(separator: ", ")),
      ("Tags", snapshot.tags.joined(separator: ", ")), ("Restored into", destination),
    ]
    rows.append(
      ("Files", scratch.mediaFolder.map { "written to \($0)" } ?? "read and checked, not written"))
    for (name, value) in rows where !value.isEmpty {
      if name == "Files", snapshot.media.isEmpty { continue }
      page.raw("<div>")
      page.element("dt", name)
      page.element("dd", value)
      page.raw("</div>")
    }
    page.raw("</dl></section>")
  }
}

extension Verdict {
  /// Drawn in the banner.
  var sign: String {
    switch self {
    case .pass: "✓"
    case .warnings: "!"
    case .fail: "✕"
    }
  }

  /// Written on the badge of a check.
  var word: String {
    switch self {
    case .pass: "pass"
    case .warnings: "warning"
    case .fail: "fail"
    }
  }
}

/// HTML under construction.
///
/// `raw` is for this program's own markup; all else goes through `text`.
struct HTMLPage {
  private var body = ""

  mutating func raw(_ markup: String) { body += markup }

  mutating func text(_ text: String) { body += Self.escaped(text) }

  mutating func element(_ name: String, _ text: String, class kind: String? = nil) {
    raw(kind.map { "<\(name) class=\"\($0)\">" } ?? "<\(name)>")
    self.text(text)
    raw("</\(name)>")
  }

  /// `text` as the content of an element or of a quoted attribute.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in ReportWords.harmless(text, keepingLines: true).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The whole document.
  ///
  /// Its policy forbids scripts and every request, should an escape ever fail.
  func document(title: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(Self.escaped(title))</title>
    <style>\(HTMLStyle.sheet)</style></head>
    <body>\(body)</body></html>

    """
  }
}
