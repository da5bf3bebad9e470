// What an accepted configuration is warned of.

import Configuration
import Testing

@Suite struct `A warning` {
  @Test(arguments: [
    "postgresql://u:hunter2@h/d", "postgres:///d?host=/run&password=hunter2",
    "host=h password=hunter2", "password = 'hunter2'", "postgresql://h/d?sslpassword=hunter2",
  ])
  func `is given for a password in a connection, and does not repeat it`(
    connection: String
  ) throws {
    let configuration = try Configuration.parse(
      "databases: { a: { connection: \"\(connection)\" } }")
    #expect(
      configuration.warnings.map(\.description) == [
        """
        1:31: warning: 'databases.a.connection' holds a password: whoever reads or copies this file \
        has it
        hint: use peer authentication, passfile=PATH (mode 0600), or service=NAME of pg_service.conf
        """
      ])
    let scratch = try Configuration.parse("drill: { scratch: \"\(connection)\" }")
    #expect(scratch.warnings.map(\.key) == ["drill.scratch"])
  }

  @Test(arguments: [
    "postgresql://u@h/d", "postgresql://u:@h/d", "postgresql://[::1]:5432/d",
    "postgresql:///d?passfile=/p", "service=app", "host=h password=''",
    "dbname=d passfile=/etc/password",
  ])
  func `is not given for a connection without one`(connection: String) throws {
    let text = "databases: { a: { connection: \"\(connection)\" } }"
    #expect(try Configuration.parse(text).warnings == [])
  }

  @Test(arguments: [("/srv/app", "/srv/app"), ("/srv/app", "/srv/"), ("/srv/app/", "/")])
  func `is given for a repository inside a media source`(repository: String, media: String) throws {
    let text = "repository: \(repository)\nmedia: { m: { path: \(media) } }"
    #expect(
      try Configuration.parse(text).warnings.map(\.what)
        == ["the repository lies inside media source 'm'"])
    let beside = "repository: \(repository)\nmedia: { m: { path: /srv/ap } }"
    #expect(try Configuration.parse(beside).warnings == [])
  }

  @Test func `is given for two media sources of one directory`() throws {
    let text = "media: { m: { path: /srv }, n: { path: /srv/ } }"
    #expect(try Configuration.parse(text).warnings.map(\.key) == ["media.n.path"])
  }
}
