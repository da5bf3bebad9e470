// Wrong configurations and all that each is told, word for word.

import Testing

/// A wrong document and the whole of what is said about it.
struct Refusal: Sendable, CustomTestStringConvertible {
  var text: String
  var findings: [String]

  init(_ text: String, _ findings: String...) {
    self.text = text
    self.findings = findings
  }

  var testDescription: String { findings.first ?? text }

  static let all: [Refusal] = [
    // Keys.
    Refusal(
      """
      media:
        uploads:
          pth: /srv
      """,
      """
      3:5: error: unknown key 'media.uploads.pth': a media source has no such key
      hint: did you mean 'path'?
      """,
      """
      3:5: error: 'media.uploads.path' is missing: a media source needs it
      hint: add 'path:' with an absolute path
      """),
    Refusal(
      "retention: { keep_daily: 7 }",
      """
      1:14: error: unknown key 'retention.keep_daily': the retention policy has no such key
      hint: did you mean 'keep-daily'?
      """),
    Refusal(
      "passphrase-file: /etc/p",
      """
      1:1: error: unknown key 'passphrase-file': the configuration has no such key
      hint: it belongs under 'key'
      """),
    Refusal(
      "log: { retention: 3 }",
      """
      1:8: error: unknown key 'log.retention': the log settings has no such key
      hint: it belongs to the top level
      """),
    Refusal(
      "log: { qqqqqq: 3 }",
      """
      1:8: error: unknown key 'log.qqqqqq': the log settings has no such key
      hint: use one of 'format', 'level'
      """),
    Refusal(
      "log: { <<: { level: info } }",
      """
      1:8: error: unknown key 'log.<<': the log settings has no such key
      hint: YAML merge keys are not supported: write the keys out
      """),
    Refusal(
      """
      log: { level: info }
      drill:
        rpo: 1h
        rto: 2h
        # rpo: 2h
        "rpo": 3h
        rto: 1m
      log:
        levl: info
      """,
      """
      6:3: error: the key 'rpo' is written twice: it already stands on line 3
      hint: keep one of the two, or give the second its own name
      """,
      """
      7:3: error: the key 'rto' is written twice: it already stands on line 4
      hint: keep one of the two, or give the second its own name
      """,
      """
      8:1: error: the key 'log' is written twice: it already stands on line 1
      hint: keep one of the two, or give the second its own name
      """),
    Refusal(
      "log: { level: info, level: debug }",
      """
      1:8: error: the key 'level' is written twice: a mapping holds a key once
      hint: keep one of the two, or give the second its own name
      """),
    Refusal(
      "1: { level: info }",
      """
      1:1: error: unknown key '1': the configuration has no such key
      hint: use one of 'repository', 'key', 'databases', 'media', 'backup', 'retention', 'drill', \
      'schedule', 'time-zone', 'log'
      """),
    Refusal(
      "? [a, b]\n: 1",
      """
      1:3: error: a key is no word: lists and mappings cannot be keys here
      hint: write 'key: value' with a plain word as the key
      """),
    // Types.
    Refusal(
      "",
      """
      1:1: error: the configuration has no value: a mapping is expected
      hint: write at least 'repository:'; 'lifeboat config example' prints a whole file
      """),
    Refusal(
      "# only a comment\n",
      """
      1:1: error: the configuration has no value: a mapping is expected
      hint: write at least 'repository:'; 'lifeboat config example' prints a whole file
      """),
    Refusal(
      "databases:\nlog: {}",
      """
      1:11: error: 'databases' has no value: a mapping is expected
      hint: give it one, or remove the key
      """),
    Refusal(
      "backup: { lock-timeout: 60 }",
      """
      1:25: error: 'backup.lock-timeout' has the wrong type: a span of time such as 90s, 15m, 26h, \
      7d or 4w is expected, not a number
      hint: add a unit: 60s or 60h
      """),
    Refusal(
      "backup: { tags: nightly }",
      """
      1:17: error: 'backup.tags' has the wrong type: a list is expected, not text
      hint: write a list: [ … ], also for one value
      """),
    Refusal(
      "backup: { tags: [a, 2024] }",
      """
      1:21: error: 'backup.tags[1]' has the wrong type: a tag of at most 64 letters, digits and \
      ._:@/+- is expected, not a number
      hint: put it in quotes: "2024"
      """),
    Refusal(
      "backup: { tags: [] }",
      """
      1:17: error: 'backup.tags' is empty: a list here holds at least one value
      hint: write its values, or remove the key
      """),
    Refusal(
      "media: { a: { path: /a, exclude-larger-than: 500 } }",
      """
      1:46: error: 'media.a.exclude-larger-than' has the wrong type: a byte count such as 512K, 100M or 2G is expected, not a number
      hint: add a unit: 500K, 500M or 500G
      """),
    Refusal(
      "media: { a: { path: /a, exclude-larger-than: 0M } }",
      """
      1:46: error: 'media.a.exclude-larger-than' is not valid: '0M' is not a byte count such as 512K, 100M or 2G
      hint: write a byte count such as 512K, 100M or 2G
      """),
    Refusal(
      "media: { a: { path: /a, one-file-system: yes } }",
      """
      1:42: error: 'media.a.one-file-system' has the wrong type: true or false is expected, not text
      hint: write true or false, without quotes
      """),
    Refusal(
      "media: { a: /srv }",
      """
      1:13: error: 'media.a' has the wrong type: a mapping is expected, not text
      hint: indent its keys below it: 'path', 'exclude', 'exclude-larger-than' …
      """),
    Refusal(
      "media: [ /srv ]",
      """
      1:8: error: 'media' has the wrong type: a mapping is expected, not a list
      hint: write a name for each media source, then its keys
      """),
    Refusal(
      "backup: { connections: '4' }",
      """
      1:24: error: 'backup.connections' has the wrong type: a whole number is expected, not text
      hint: write 4, without quotes
      """),
    Refusal(
      "backup: { connections: 4.5 }",
      """
      1:24: error: 'backup.connections' has the wrong type: a whole number is expected, not a number
      hint: write a whole number from 1 to 64
      """),
    Refusal(
      "backup: { connections: 99999999999999999999 }",
      """
      1:24: error: 'backup.connections' is out of range: 99999999999999999999 is not a whole number \
      from 1 to 64
      hint: write a whole number from 1 to 64
      """),
    Refusal(
      "retention: { keep-last: 0 }",
      """
      1:25: error: 'retention.keep-last' is out of range: 0 is not a whole number from 1 to 100000
      hint: write a whole number from 1 to 100000, or remove the key
      """),
    Refusal(
      "retention: {}",
      """
      1:12: error: 'retention' is empty: it needs a key
      hint: use one of 'keep-last', 'keep-hourly', 'keep-daily', 'keep-weekly', 'keep-monthly', \
      'keep-yearly', 'keep-within', 'keep-tags'
      """),
    Refusal(
      "log: { format: jsn }",
      """
      1:16: error: 'log.format' is not valid: 'jsn' is not one of its values
      hint: did you mean 'json'?
      """),
    Refusal(
      "log: { level: 3 }",
      """
      1:15: error: 'log.level' has the wrong type: error, warning, info or debug is expected, not a \
      number
      hint: write error, warning, info or debug
      """),
    // Values.
    Refusal(
      "repository: backups",
      """
      1:13: error: 'repository' is not valid: its value is not an absolute path
      hint: write the whole path from '/', so that it does not depend on where lifeboat is started
      """),
    Refusal(
      "repository: s3://bucket/app",
      """
      1:13: error: 'repository' is not valid: its value is not an absolute path
      hint: this version stores in local directories only: mount the storage, or copy from there
      """),
    Refusal(
      "media: { a: { path: ~/media } }",
      """
      1:21: error: 'media.a.path' is not valid: '~/media' is not an absolute path
      hint: '~' is not expanded here: write the whole path, such as /home/app/media
      """),
    Refusal(
      #"media: { a: { path: "/srv\0/media" } }"#,
      """
      1:21: error: 'media.a.path' is not valid: '/srv\\u{0}/media' is not an absolute path
      hint: write the whole path from '/', so that it does not depend on where lifeboat is started
      """),
    Refusal(
      "media: { 'a/b': { path: /a } }",
      """
      1:10: error: the name 'a/b' is not valid: a media source's name has 1 to 64 letters, digits, \
      '.', '_' and '-'
      hint: choose such a name: it stands in snapshots and on command lines
      """),
    Refusal(
      "drill: { rpo: 1h30, rto: 0s }",
      """
      1:15: error: 'drill.rpo' is not valid: '1h30' is not a span of time such as 90s, 15m, 26h, 7d \
      or 4w
      hint: use w, d, h, m and s in that order with whole numbers, such as 1d12h
      """,
      """
      1:26: error: 'drill.rto' is zero: no time at all can satisfy it
      hint: write a longer span, or remove the key
      """),
    Refusal(
      "databases: { a: { connection: app } }",
      """
      1:31: error: 'databases.a.connection' is not valid: its value is not a connection URI or \
      keyword string
      hint: write postgresql:///NAME?host=/run/postgresql, or dbname=NAME, or service=NAME
      """),
    Refusal(
      "databases: { a: { connection: dbname=a, file-references: [cover] } }\nmedia: { m: { path: /m } }",
      """
      1:59: error: 'databases.a.file-references[0]' is not valid: 'cover' is not table.column or \
      schema.table.column
      hint: name the column and its table, such as "blog_article.cover"
      """),
    // References.
    Refusal(
      """
      databases: { a: { connection: dbname=a, media: uplods } }
      media: { uploads: { path: /m } }
      """,
      """
      1:48: error: unknown media source 'uplods': the media sources are 'uploads'
      hint: did you mean 'uploads'?
      """),
    Refusal(
      "databases: { a: { connection: dbname=a, file-references: [t.c] } }",
      """
      1:58: error: file references of 'a' have no media source to resolve in: the file has no media \
      source
      hint: add the directory under 'media'
      """),
    Refusal(
      """
      databases: { a: { connection: dbname=a, file-references: [t.c] } }
      media: { m: { path: /m }, n: { path: /n } }
      """,
      """
      1:58: error: file references of 'a' have no media source to resolve in: the file has 2 media \
      sources
      hint: add 'media: m' (or another of them) to the database
      """),
    // Key sources.
    Refusal(
      "key: { passphrase-file: /p, systemd-credential: p }",
      """
      1:29: error: 'key' has 2 sources: 'passphrase-file' and 'systemd-credential' cannot both be \
      the one to use
      hint: keep exactly one of them
      """),
    Refusal(
      "key: { passphrase-command: pass show }",
      """
      1:28: error: 'key.passphrase-command' has the wrong type: a list is expected, not text
      hint: write a list: [ … ], also for one value
      """),
    Refusal(
      "key: { passphrase: hunter2 }",
      """
      1:8: error: 'key.passphrase' would hold a secret in this file: configuration files are copied \
      and committed, so secrets are only named here
      hint: write the secret to a file of mode 0600 and 'key: { passphrase-file: PATH }' here; a \
      secret that stood in this file should be changed
      """),
    Refusal(
      "key: hunter2",
      """
      1:6: error: 'key' has the wrong type: a mapping is expected, not text
      hint: indent its keys below it: 'passphrase-file', 'passphrase-command', 'systemd-credential' …
      """),
    Refusal(
      "databases: { a: { connection: dbname=a, Password: hunter2 } }",
      """
      1:41: error: 'databases.a.Password' would hold a secret in this file: configuration files are \
      copied and committed, so secrets are only named here
      hint: use a passfile: add ?passfile=/etc/lifeboat/pgpass to 'connection', or service=NAME
      """),
    // The schedule.
    Refusal(
      """
      schedule:
        backup: { cron: "0 25 * * *" }
        check: { cron: "0 0 30 2 *", jitter: 2d }
        drill: { cron: "61 * *" }
        forget: { jitter: 5m }
      """,
      """
      2:3: error: 'schedule.backup' has nothing to back up: the file has neither 'databases' nor \
      'media'
      hint: add a source, or remove the job
      """,
      """
      2:19: error: 'schedule.backup.cron' is not a cron expression: the hour field has the value 25
      hint: use 0-23
      """,
      """
      3:18: error: 'schedule.check.cron' never occurs: no month that it names has such a day
      hint: choose a day that the month has
      """,
      """
      3:40: error: 'schedule.check.jitter' is too long: runs would be late by more than a day
      hint: write at most 1d
      """,
      """
      4:18: error: 'schedule.drill.cron' is not valid: '61 * *' is not a cron expression such as '15 \
      3 * * *' or @daily
      hint: write a cron expression such as '15 3 * * *' or @daily
      """,
      """
      5:3: error: 'schedule.forget' has no policy to apply: the file has no 'retention'
      hint: add 'retention:' with, say, 'keep-daily: 7'
      """,
      """
      5:11: error: 'schedule.forget.cron' is missing: the forget schedule needs it
      hint: add 'cron:' with a cron expression such as '15 3 * * *' or @daily
      """),
    Refusal(
      "time-zone: Europe/Berlim",
      """
      1:12: error: unknown time zone 'Europe/Berlim': this machine's zone database (package tzdata) \
      does not have it
      hint: did you mean 'Europe/Berlin'?
      """),
    // YAML.
    Refusal(
      "log: {\n  level: info\n",
      """
      3:1: error: the file is not valid YAML: did not find expected ',' or '}' while parsing a flow \
      mapping on line 1
      hint: check the indentation, the brackets and the quotes from there upwards
      """),
    Refusal(
      "log:\n\tlevel: info\n",
      """
      2:1: error: the file is not valid YAML: found character that cannot start any token while \
      scanning for the next token on line 2
      hint: indent with spaces, never tabs, and put quotes round text that starts with '@' or '`'
      """),
    Refusal(
      "media: { a: { path: /a, exclude: [*.tmp] } }",
      """
      1:36: error: the file is not valid YAML: did not find expected alphabetic or numeric character \
      while scanning an alias on line 1
      hint: put quotes round text that starts with '*' or '&', such as "*.tmp" or "* * * * *"
      """),
    Refusal(
      "repository: /a: b",
      """
      1:15: error: the file is not valid YAML: mapping values are not allowed in this context
      hint: check the indentation, and put quotes round text that holds ': '
      """),
    Refusal(
      "log: {}\n---\nlog: {}",
      """
      2:1: error: the file is not valid YAML: but found another document expected a single document \
      in the stream on line 1
      hint: keep one document: remove the line '---' that begins the second
      """),
    Refusal(
      "log: {}\r\n# \u{1}\r\n",
      """
      2:3: error: the file is not valid YAML: control characters are not allowed
      hint: remove the character that cannot be printed
      """),
    Refusal(
      "log: &x { level: info }\nbackup: *x",
      """
      1:6: error: YAML anchors and aliases are not supported: through them a short file can stand \
      for one too large to read
      hint: write the value out, and put quotes round text that starts with '&' or '*'
      """),
    Refusal(
      "repository: !secret /a",
      """
      1:13: error: the YAML tag '!secret' is not supported: the type of every value is known from \
      its key
      hint: leave the tag out, and put quotes round text that starts with '!'
      """),
  ]
}
