// Proves that a connection string is understood, and that its secrets go nowhere.

import FoundationEssentials
import Glibc
import Postgres
import Testing

@Suite struct `A connection target` {
  @Test(arguments: [
    "postgresql://app:s3cr%65t@db.example:5433/shop?sslpassword=hush",
    "host=db.example port=5433 user=app password=s3cret dbname=shop sslpassword=hush",
  ])
  func `shows where it leads and never its secrets`(text: String) throws {
    let target = try ConnectionTarget(text)
    #expect(target.redacted == "host=db.example port=5433 user=app dbname=shop")
    #expect(target.databaseName == "shop")
    var dumped = ""
    dump(target, to: &dumped)
    for shown in ["\(target)", String(reflecting: target), dumped] {
      #expect(!shown.contains("s3cret"))
      #expect(!shown.contains("hush"))
    }
  }

  @Test func `may leave everything to libpq`() throws {
    let target = try ConnectionTarget("")
    #expect(target.databaseName == nil)
    #expect(target.redacted == "libpq's default server")
  }

  @Test(arguments: [
    "hunter2", "host=a password=hunter2 hunter2", "host=a hunter2=b", "password='hunter2",
    "postgresql://u:hunter2@[::1/x", "postgresql://u:hunter2%zz@h/d", "postgresql://h/d?hunter2=1",
    "postgresql://h/d?hunter2", "host=a\u{0}password=hunter2", "\"\u{301}hunter2",
  ])
  func `that is malformed is refused without being quoted`(text: String) {
    let error = #expect(throws: PostgresError.self) { try ConnectionTarget(text) }
    #expect(error?.kind == .malformedTarget)
    #expect(error.map { "\($0)" }?.contains("hunter2") == false)
  }

  @Test func `keeps all else when the database is replaced, however odd its name`() throws {
    let name = #"it's a \ "db" 名 = x"#
    let target = try ConnectionTarget("postgresql://app@h/shop").replacing(database: name)
    #expect(target.databaseName == name)
    try target.withChildAccess { access in
      let again = try ConnectionTarget(access.connectionString)
      #expect(again == target)
    }
  }

  @Test func `hands a password to a child in a private file, for as long as needed`() throws {
    let target = try ConnectionTarget(#"host=h dbname=d password='a:b\\c\'' passfile=/elsewhere"#)
    var path = ""
    try target.withChildAccess { access in
      #expect(access.connectionString == "dbname=d host=h")
      #expect(access.environment["PGPASSWORD"] == .some(nil))
      path = try #require(access.environment["PGPASSFILE"] ?? nil)
      let files = FileManager.default
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "*:*:*:*:a\\:b\\\\c'\n")
      #expect(try files.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
      let folder = String(path.dropLast("/passfile".count))
      #expect(try files.attributesOfItem(atPath: folder)[.posixPermissions] as? Int == 0o700)
    }
    #expect(!path.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: String(path.dropLast("/passfile".count))))
  }

  @Test func `hands other secrets over in a service file`() throws {
    let target = try ConnectionTarget("host=h sslpassword=hush")
    try target.withChildAccess { access in
      #expect(access.connectionString == "host=h service=lifeboat")
      let path = try #require(access.environment["PGSERVICEFILE"] ?? nil)
      #expect(
        try String(contentsOfFile: path, encoding: .utf8) == "[lifeboat]\nsslpassword=hush\n")
    }
    let both = try ConnectionTarget("service=mine sslpassword=hush")
    let error = #expect(throws: PostgresError.self) { try both.withChildAccess { _ in } }
    #expect(error.map { "\($0)" }?.contains("hush") == false)
  }

  @Test func `without secrets needs no files`() throws {
    let access = try ConnectionTarget("host=h").withChildAccess { $0 }
    #expect(access.environment.isEmpty)
  }

  struct Failure: Error {}

  @Test func `leaves no file when the work fails`() throws {
    let target = try ConnectionTarget("host=h password=hunter2")
    var path = ""
    #expect(throws: Failure.self) {
      try target.withChildAccess { access in
        path = (access.environment["PGPASSFILE"] ?? nil) ?? ""
        throw Failure()
      }
    }
    #expect(path.hasSuffix("/passfile"))
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}

@Suite struct `Quoting` {
  @Test(arguments: [
    (#"plain"#, #""plain""#, "'plain'"), (#"a"b"#, #""a""b""#, #"'a"b'"#),
    (#"it's"#, #""it's""#, "'it''s'"), (#"\n"#, #""\n""#, #"'\n'"#), ("", "\"\"", "''"),
    ("\"\u{301}'\u{301}", "\"\"\"\u{301}'\u{301}\"", "'\"\u{301}''\u{301}'"),
  ])
  func `doubles the mark and nothing else`(text: String, identifier: String, literal: String) {
    #expect(Connection.quoteIdentifier(text) == identifier)
    #expect(Connection.quoteLiteral(text) == literal)
  }

  @Test func `keeps bytes that are no UTF-8`() {
    #expect(Connection.quoteIdentifier([0xE9, 0x22]) == [0x22, 0xE9, 0x22, 0x22, 0x22])
  }
}
