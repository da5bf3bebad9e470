import Format
import Testing

@testable import Replay

@Suite struct `Privileges as PostgreSQL prints them` {
  @Test func `are read with their quotation marks`() throws {
    let list = try AccessPrivileges(
      #"{alice=rw*/alice,=r/alice,"\"we \"\"ird, o=/ne\"=w/\"big boss\""}"#)
    #expect(
      list.items == [
        AccessItem(grantee: "alice", privileges: ["r", "w"], grantable: ["w"], grantor: "alice"),
        AccessItem(grantee: "", privileges: ["r"], grantable: [], grantor: "alice"),
        AccessItem(
          grantee: #"we "ird, o=/ne"#, privileges: ["w"], grantable: [], grantor: "big boss"),
      ])
    #expect(try AccessPrivileges("{}").items == [])
  }

  @Test(arguments: [
    "", "{", "alice=r/alice", "{alice}", "{alice=r}", "{=*/a}", #"{"a=r/b}"#, #"{"\"a=r/b"}"#,
    #"{a=r/b\}"#, "{a=r/b/c=d}",
  ])
  func `are refused when they are anything else`(text: String) {
    #expect(throws: AccessPrivileges.Malformed.self) { try AccessPrivileges(text) }
  }

  @Test func `become grants in their order, by whoever granted`() throws {
    let list = try AccessPrivileges("{bob=r/eve,old=rw/old,eve=r*/old,=w/old}")
    #expect(
      list.statements(on: "LARGE OBJECT 7", recordedOwner: "old", owner: "new", role: "worker") == [
        #"REVOKE ALL ON LARGE OBJECT 7 FROM PUBLIC, "new", "bob", "eve" CASCADE"#,
        #"GRANT SELECT, UPDATE ON LARGE OBJECT 7 TO "new""#,
        #"GRANT SELECT ON LARGE OBJECT 7 TO "eve" WITH GRANT OPTION"#,
        #"GRANT UPDATE ON LARGE OBJECT 7 TO PUBLIC"#,
        #"SET ROLE "eve""#, #"GRANT SELECT ON LARGE OBJECT 7 TO "bob""#, #"SET ROLE "worker""#,
      ])
  }

  @Test func `are equal in any order`() {
    #expect(AccessPrivileges.areEqual("{a=rw/a,b=r/a}", "{b=r/a,a=wr/a}"))
    #expect(!AccessPrivileges.areEqual("{a=rw/a}", "{a=r/a}"))
    #expect(!AccessPrivileges.areEqual("{a=rw/a}", "{a=rw*/a}"))
    #expect(!AccessPrivileges.areEqual(nil, "{}"))
    #expect(AccessPrivileges.areEqual(nil, nil))
    #expect(!AccessPrivileges.areEqual("nonsense", "{}"))
  }
}

@Suite struct `A stored setting` {
  @Test(arguments: [
    ("work_mem=7MB", #"ALTER X SET "work_mem" TO '7MB'"#),
    ("app.secret=a=b'c", #"ALTER X SET "app.secret" TO 'a=b''c'"#),
    (
      #"search_path="$user", public, "odd ""one""#,
      #"ALTER X SET "search_path" TO '$user', 'public', 'odd "one'"#
    ),
    ("search_path=", #"ALTER X SET "search_path" TO ''"#),
    (#"search_path="""#, #"ALTER X SET "search_path" TO ''"#),
    (#"search_path="a"#, #"ALTER X SET "search_path" TO '"a'"#),
    ("DateStyle=ISO, MDY", #"ALTER X SET "DateStyle" TO 'ISO, MDY'"#),
  ])
  func `is set again as it was`(item: String, statement: String) {
    #expect(SettingStatements.alter("X", setting: item) == statement)
  }

  @Test(arguments: ["", "novalue", "=x"]) func `is refused without a name`(item: String) {
    #expect(SettingStatements.alter("X", setting: item) == nil)
  }
}

@Suite struct `A script of globals` {
  @Test func `is cut where statements end, and nowhere else`() {
    let script = #"""
      -- a comment; with 'marks
      \restrict key;'
      CREATE ROLE a;
      ALTER ROLE "o;dd""'" WITH PASSWORD 'it''s; -- no comment' ;
      COMMENT ON ROLE a IS E'back\'slash;';;
      SET x = 'last\';
      SELECT 1
      """#
    let statements = SQLSplitter.statements(of: Array(script.utf8)).map {
      String(decoding: $0, as: UTF8.self).split(separator: "\n").joined(separator: " ")
    }
    #expect(
      statements == [
        "CREATE ROLE a", #"ALTER ROLE "o;dd""'" WITH PASSWORD 'it''s; -- no comment' "#,
        #"COMMENT ON ROLE a IS E'back\'slash;'"#, #"SET x = 'last\'"#, "SELECT 1",
      ])
  }
}

@Suite struct `The header of an archive` {
  private let whole: [UInt8] = {
    func integer(_ value: UInt8) -> [UInt8] { [0, value, 0, 0, 0] }
    func string(_ text: String) -> [UInt8] { integer(UInt8(text.utf8.count)) + Array(text.utf8) }
    return Array("PGDMP".utf8) + [1, 14, 0, 4, 8, 1] + [1, 1, 0, 0, 0]
      + (0..<7).flatMap { _ in integer(3) } + string("shop") + string("15.20 (Debian)")
      + string("16.1")
  }()

  @Test func `tells both versions`() throws {
    let header = try ArchiveHeader(whole + [1, 2, 3])
    #expect(header.serverVersion == "15.20 (Debian)")
    #expect(header.serverMajor == 15)
    #expect(header.programMajor == 16)
  }

  @Test func `is refused when it is cut anywhere`() {
    for count in 0..<whole.count {
      #expect(throws: ArchiveHeader.Malformed.self) {
        try ArchiveHeader(Array(whole.prefix(count)))
      }
    }
  }

  @Test func `never traps, whatever byte is changed`() {
    for index in whole.indices {
      for value in [0, 1, 127, 128, 255] as [UInt8] {
        var bytes = whole
        bytes[index] = value
        _ = try? ArchiveHeader(bytes)
      }
    }
  }
}

@Suite struct `An extension's package` {
  @Test(arguments: [
    ("hstore", "postgresql-15"), ("postgis", "postgresql-15-postgis-3"),
    ("postgis_topology", "postgresql-15-postgis-3"), ("vector", "postgresql-15-pgvector"),
    ("pg_cron", "postgresql-15-cron"), ("plpython3u", "postgresql-plpython3-15"),
    ("hstore_plperl", "postgresql-plperl-15"), ("jsonb_plpython3u", "postgresql-plpython3-15"),
  ])
  func `is named as Debian names it`(name: String, package: String) {
    #expect(ExtensionPackages.package(of: name, major: 15) == package)
  }

  @Test func `is not guessed`() { #expect(ExtensionPackages.package(of: "acme", major: 15) == nil) }
}

@Suite struct `The statement that creates a database` {
  private let properties = DatabaseProperties(
    name: "old", owner: "o", encoding: "UTF8", localeProvider: "c", collate: "de_DE.UTF-8",
    ctype: "C", icuLocale: nil, icuRules: nil, collationVersion: nil, tablespace: "pg_default",
    connectionLimit: -1, isTemplate: false, privileges: nil, comment: nil, settings: [],
    roleSettings: [], extensions: [], preloadLibraries: [], serverSettings: [:], roles: [])

  @Test func `asks for what was recorded, in the server's words`() {
    #expect(
      DatabaseMaker.creation(of: "n\"ew", like: properties, serverMajor: 14, tablespace: nil)
        == #"CREATE DATABASE "n""ew" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'C'"#
    )
    var icu = properties
    icu.localeProvider = "i"
    icu.icuLocale = "de-AT"
    #expect(
      DatabaseMaker.creation(of: "n", like: icu, serverMajor: 16, tablespace: "fast")
        == #"CREATE DATABASE "n" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'C' TABLESPACE "fast""#
    )
    icu.localeProvider = "b"
    icu.icuLocale = "C.UTF-8"
    #expect(
      DatabaseMaker.creation(of: "n", like: icu, serverMajor: 17, tablespace: nil)
        .contains("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' "))
  }
}

@Suite struct `An entry of an archive` {
  @Test(
    arguments: [
      (
        "-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: alice",
        "CONSTRAINT public t t_pkey alice"
      ),
      (
        "-- Name: odd; Type: x; Schema: y; Type: INDEX; Schema: s; Owner: big boss; Tablespace: t",
        "INDEX s odd; Type: x; Schema: y big boss"
      ),
      ("-- Name: half; Type: INDEX", nil), ("CREATE INDEX a ON b (c);", nil), ("", nil),
    ] as [(String, String?)])
  func `is found again by the line that heads it in a script`(line: String, text: String?) {
    #expect(ArchiveEntry.text(ofHeader: line) == text)
  }

  @Test func `may be about an event trigger, or a subscription`() {
    let entries = ArchiveEntry.entries(
      of: """
        ; a comment
        7; 3466 1 EVENT TRIGGER - watch alice
        8; 0 0 COMMENT - EVENT TRIGGER watch alice
        9; 1259 2 TABLE public EVENT TRIGGER alice
        10; 6100 3 SUBSCRIPTION - the feed alice
        """)
    #expect(entries.map(\.isEventTrigger) == [true, true, false, false])
    #expect(entries.compactMap(\.subscription) == ["the feed"])
  }
}
