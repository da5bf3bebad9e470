// Files in a drill: read or restored, and named by rows or not.

import Drill
import FoundationEssentials
import TestSupport
import Testing

@Suite(.serialized) struct `Files in a drill` {
  @Test func `are restored into a folder, compared and removed`() throws {
    let application = try ExampleApplication.shared.get()
    let folder = try ScratchFolder()
    let place = folder.path + "/files"
    var options = DrillOptions()
    options.media = .folder(place)
    options.applicationChecks = [
      ApplicationCheck(
        name: "file", command: "test \"$(cat \"$LIFEBOAT_MEDIA\"/uploads/a.txt)\" = one")
    ]
    let report = try application.drill(options)
    #expect(report.verdict == .pass, "\(report.story)")
    for id in ["files.restore", "files.content", "application.command", "after.files"] {
      #expect(report.checks(id).map(\.verdict) == [.pass], "\(id)")
    }
    #expect(report.scratch.mediaFolder == place)
    #expect(!FileManager.default.fileExists(atPath: place))
  }

  @Test func `stay where they are if the folder is not empty`() throws {
    let application = try ExampleApplication.shared.get()
    let folder = try ScratchFolder()
    let mine = folder.path + "/mine"
    try Data("mine".utf8).write(to: URL(filePath: mine))
    var options = DrillOptions()
    options.media = .folder(folder.path)
    let report = try application.drill(options)
    #expect(report.checks("files.restore").map(\.verdict) == [.fail])
    #expect(report.checks("files.content").map(\.verdict) == [.fail])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["mine"])
  }

  @Test func `that were missing at the source are a warning, as is a sequence that was behind`()
    throws
  {
    let application = try ExampleApplication(
      """
      INSERT INTO shop.document VALUES (10, 'lost/photo.jpg'), (11, '/sub//./b.bin'), (12, '../x');
      SELECT setval('shop.purchase_id_seq', 5);
      """)
    let report = try application.drill()
    #expect(report.verdict == .warnings, "\(report.story)")
    #expect(report.ids(.warnings) == ["equality.sequences", "files.references"])
    let check = try #require(report.checks("files.references").first)
    #expect(check.details.sorted() == ["../x", "lost/photo.jpg"])
    #expect(check.actual.contains("2 named no file at the source either"))
    #expect(
      report.checks("equality.sequences").flatMap(\.details) == [
        "shop.purchase_id_seq: its next value is 6, and shop.purchase.id has 3000"
      ])
  }
}
