// A Django project as its own interpreter describes it, and the configuration that follows.

import Foundation
import Programs
import Workers

/// What `discover` finds.
struct DjangoProject: Codable {
  struct Database: Codable {
    var alias: String
    /// libpq keywords without the password.
    var connection: String
    var hasPassword: Bool
  }
  struct FileField: Codable {
    var database, table, column, model: String
  }
  var djangoVersion: String
  var databases: [Database]
  var mediaRoot: String?
  var fileFields: [FileField]
  var notes: [String]

  /// Asks the project.
  static func read(managePath: String, python: String, cancellation: Cancellation) throws
    -> DjangoProject
  {
    let marker = "lifeboat-\(UUID().uuidString)"
    let folder = URL(fileURLWithPath: managePath).deletingLastPathComponent().path
    let words = ["manage.py", "shell", "-c", script(marker: marker)]
    let program = Program(
      path: python.contains("/") ? python : "/usr/bin/env",
      arguments: python.contains("/") ? words : [python] + words, workingDirectory: folder)
    let result = try program.run(
      input: [], outputLimit: 16 << 20, cancellation: { cancellation.isCancelled })
    let output = String(decoding: result.standardOutput, as: UTF8.self)
    guard let start = output.range(of: marker + "\n"),
      let end = output.range(of: marker, range: start.upperBound..<output.endIndex),
      let project = try? JSONDecoder().decode(
        DjangoProject.self, from: Data(output[start.upperBound..<end.lowerBound].utf8))
    else {
      let why =
        result.standardError.split(separator: "\n").last.map { quotable(String($0)) }
        ?? "it ended with status \(result.exitStatus) and printed no description"
      throw UsageError(
        what: "cannot read the project of \(managePath)", why: why,
        next: "run '\(python) manage.py shell' there by hand; choose the interpreter with --python")
    }
    return project
  }

  /// A configuration file for this project, to be completed by its operator.
  var configuration: String {
    var lines = [
      "# Found by 'lifeboat discover' in a Django \(djangoVersion) project.",
      "repository: /var/backups/lifeboat",
      "key:",
      "  passphrase-file: /etc/lifeboat/passphrase",
    ]
    if !databases.isEmpty {
      lines.append("databases:")
      for database in databases {
        lines.append("  \(database.alias):")
        if database.hasPassword {
          lines.append("    # The password belongs in ~/.pgpass or a service file, not here.")
        }
        lines.append("    connection: \(Self.quoted(database.connection))")
        let fields = fileFields.filter { $0.database == database.alias }
        if !fields.isEmpty, mediaRoot != nil {
          lines.append("    media: media")
          lines.append("    file-references:")
          for field in fields {
            lines.append(
              "      - \(Self.quoted("\(field.table).\(field.column)"))  # \(field.model)")
          }
        }
      }
    }
    if let mediaRoot {
      lines += ["media:", "  media:", "    path: \(Self.quoted(mediaRoot))"]
    }
    lines += [
      "retention:", "  keep-daily: 7", "  keep-weekly: 5", "  keep-monthly: 12",
      "schedule:", "  backup: { cron: \"15 * * * *\", jitter: 5m }",
      "  drill: { cron: \"30 4 * * 0\" }",
      "  forget: { cron: \"45 5 * * *\", prune: true }",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// A double-quoted YAML scalar.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// Runs inside `manage.py shell`: the settings and models as Django itself resolved them.
  private static func script(marker: String) -> String {
    """
    import json, sys, django
    from django.apps import apps
    from django.conf import settings
    from django.db import models, router
    notes, databases, fields = [], [], []
    def word(value):
        return "'" + str(value).replace("\\\\", "\\\\\\\\").replace("'", "\\\\'") + "'"
    for alias, d in settings.DATABASES.items():
        engine = d.get('ENGINE', '')
        if not any(name in engine for name in ('postgresql', 'postgis')):
            notes.append("database '%s' is not PostgreSQL (%s): left out" % (alias, engine))
            continue
        if (d.get('TEST') or {}).get('MIRROR'):
            continue
        parts = ['dbname=' + word(d.get('NAME') or 'postgres')]
        for key, name in (('USER', 'user'), ('HOST', 'host'), ('PORT', 'port')):
            if d.get(key):
                parts.append(name + '=' + word(d[key]))
        known = ('sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'service', 'passfile', 'options')
        for key, value in (d.get('OPTIONS') or {}).items():
            if key in known:
                parts.append(key + '=' + word(value))
        databases.append({'alias': alias, 'connection': ' '.join(parts), 'hasPassword': bool(d.get('PASSWORD'))})
    root = str(getattr(settings, 'MEDIA_ROOT', '') or '') or None
    aliases = {d['alias'] for d in databases}
    seen = set()
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or model._meta.swapped:
            continue
        for field in model._meta.get_fields():
            if not isinstance(field, models.FileField) or field.model is not model:
                continue
            alias = router.db_for_read(model) or 'default'
            table = model._meta.db_table.strip('"')
            if alias not in aliases or (alias, table, field.column) in seen:
                continue
            seen.add((alias, table, field.column))
            location = getattr(field.storage, 'location', None)
            if root and location and str(location).rstrip('/') != root.rstrip('/'):
                notes.append('%s.%s is stored in %s, not in MEDIA_ROOT: left out' % (model._meta.label, field.name, location))
                continue
            if not location:
                notes.append('%s.%s is stored elsewhere than in a directory: left out' % (model._meta.label, field.name))
                continue
            fields.append({'database': alias, 'table': table, 'column': field.column, 'model': model._meta.label + '.' + field.name})
    print("\(marker)")
    print(json.dumps({'djangoVersion': django.get_version(), 'databases': databases, 'mediaRoot': root, 'fileFields': fields, 'notes': notes}))
    print("\(marker)")
    """
  }
}
