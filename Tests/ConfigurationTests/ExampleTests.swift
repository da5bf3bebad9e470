// The example that an operator starts from.

import Configuration
import Foundation
import Testing

@Suite struct `The example configuration` {
  @Test func `is the file in Config`() throws {
    let file = configFolder.appending(path: "lifeboat.example.yaml")
    #expect(try String(contentsOf: file, encoding: .utf8) == ConfigurationExample.text)
  }

  @Test func `is accepted without a warning and means what its comments say`() throws {
    let configuration = try Configuration.parse(ConfigurationExample.text)
    #expect(configuration.warnings == [])
    #expect(configuration.repository == "/var/backups/lifeboat")
    #expect(configuration.key == .passphraseFile("/etc/lifeboat/passphrase"))

    var database = Configuration.Database(
      name: "app", connection: "postgresql://lifeboat@/app?host=/run/postgresql")
    database.media = "uploads"
    database.fileReferences = [
      .init(table: .init(table: "blog_article"), column: "cover"),
      .init(table: .init(schema: "public", table: "account"), column: "avatar"),
    ]
    #expect(configuration.databases == [database])

    var media = Configuration.Media(name: "uploads", path: "/srv/app/media")
    media.excludes = ["*.tmp", "/cache/"]
    media.largestByteCount = 20 << 30
    #expect(configuration.media == [media])

    #expect(configuration.backup.connections == 2)
    #expect(configuration.backup.tags == ["production"])
    #expect(configuration.backup.lockTimeout == .seconds(60))

    var retention = Configuration.Retention()
    retention.keepWithin = .seconds(48 * 3600)
    retention.keepDaily = 7
    retention.keepWeekly = 5
    retention.keepMonthly = 12
    #expect(configuration.retention == retention)

    #expect(configuration.drill.scratch == .privateCluster)
    #expect(configuration.drill.rpo == .seconds(26 * 3600))
    #expect(configuration.drill.rto == .seconds(3600))

    let schedule = configuration.schedule
    #expect(schedule.timings.keys.sorted() == [.backup, .check, .drill, .forget])
    #expect(schedule.timings[.backup]?.cron.description == "15 * * * *")
    #expect(schedule.timings[.backup]?.jitter == .seconds(300))
    #expect(schedule.timings[.backup]?.catchesUp == true)
    #expect(schedule.checkReadsData)
    #expect(schedule.forgetPrunes)
    #expect(configuration.log == Configuration.Log())
  }

  @Test func `shows every key there is, commented out or not`() throws {
    // Every lower-case member of the schema that is an object is a key, save two keywords.
    let names = ConfigurationSchema.json.matches(of: /"([a-z-]+)": \{/).map { String($0.1) }
    #expect(names.count > 30)
    for name in Set(names).subtracting(["properties", "items"]) {
      #expect(ConfigurationExample.text.contains("\(name):"), "\(name) is not shown")
    }
  }

  @Test func `is accepted with each commented line switched on in turn`() throws {
    let lines = ConfigurationExample.text.split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    var triedCount = 0
    for (index, line) in lines.enumerated() {
      guard let match = line.wholeMatch(of: /( +)# ([a-z-]+: .*)/) else { continue }
      var changed = lines
      changed[index] = "\(match.1)\(match.2)"
      // A second key source is refused, so there the first makes way.
      if lines[..<index].last(where: { !$0.hasPrefix(" ") })?.hasPrefix("key:") == true {
        changed.removeAll { $0.hasPrefix("  passphrase-file:") }
      }
      let configuration = try Configuration.parse(changed.joined(separator: "\n"))
      #expect(configuration.warnings == [])
      triedCount += 1
    }
    #expect(triedCount == 9)
  }
}
