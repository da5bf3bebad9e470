// Owns the faithful copy of a database that tests compare with: PostgreSQL's own dump and restore.

package import Postgres
import Programs

/// Copies a database with `pg_dump | psql` into `copy`, which must be empty.
package func copyDatabase(_ original: ConnectionTarget, to copy: ConnectionTarget) throws {
  let program = try PostgresPrograms.find(
    .pgDump, atLeastMajor: try Connection(original).serverMajor)
  let script = try original.withChildAccess { access in
    try Program(
      path: program.path, arguments: ["--dbname=\(access.connectionString)"],
      environment: access.environment
    ).run(outputLimit: 256 << 20).checked("cannot dump").standardOutput
  }
  try psql(copy, String(decoding: script, as: UTF8.self))
}
