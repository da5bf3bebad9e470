// The least-privileged role of Config/roles.sql is enough for a backup that a drill proves whole.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `needs no superuser:` {
    let stage: Stage
    let application: Application
    let role = TestServer.randomName()

    init() throws {
      stage = try Stage()
      application = try Application(stage)
    }

    private func makeRole(_ more: String...) throws {
      try Child(
        "/usr/bin/env",
        ["psql", "-X", "-q", "-v", "role=\(role)"] + more + [
          "-f", "\(Place.project)/Config/roles.sql", application.connection,
        ], environment: stage.environment()
      ).finish().expect(0)
    }

    private func asRole() throws -> String {
      try application.target.setting("user", to: role).withChildAccess { $0.connectionString }
    }

    @Test func `a backup as the role of roles.sql passes its drill`() throws {
      try makeRole()
      let result = try stage.lifeboat(
        "backup", "--json", "--database", "app=\(try asRole())", "--media",
        "uploads=\(application.media)", "--file-reference", "app.blog_article.cover"
      ).expect(0).json()
      #expect(result["databases"][0]["rows"].number == 210)
      #expect(result["databases"][0]["largeObjects"].number == 1)
      #expect(result["warnings"] == .array([]), "\(result["warnings"])")
      let drill = try stage.lifeboat("drill", "--json").expect(0).json()
      let unhappy = drill["checks"].items.filter { $0["verdict"].text != "pass" }
      #expect(drill["verdict"].text == "pass", "\(unhappy)")
    }

    @Test func `rows that a policy hides fail the backup rather than shrink it`() throws {
      try makeRole()
      try psql(
        application.target,
        """
        ALTER TABLE account ENABLE ROW LEVEL SECURITY;
        CREATE POLICY few ON account USING (id < 3);
        """)
      try stage.refused(
        "backup", "--database", "app=\(try asRole())", saying: ["account", "BYPASSRLS"])
      try makeRole("-v", "bypassrls=yes")
      let result = try stage.lifeboat("backup", "--json", "--database", "app=\(try asRole())")
        .expect(0).json()
      #expect(result["databases"][0]["rows"].number == 210)
    }
  }
}
