// The example configuration that `lifeboat config example` prints.

/// A whole configuration with a comment for every choice.
package enum ConfigurationExample {
  /// The text of `Config/lifeboat.example.yaml`, which a test holds equal; it parses without findings.
  package static let text = #"""
    # Lifeboat: one application, its databases and media, backed up and proven recoverable.
    #
    # Copy to /etc/lifeboat/lifeboat.yaml, edit, then run:
    #   lifeboat config check --config /etc/lifeboat/lifeboat.yaml
    # Spans of time are written 90s, 15m, 26h, 7d or 4w. Passwords and passphrases never stand here:
    # only the places where they are read from.
    #
    # yaml-language-server: $schema=lifeboat.schema.json

    # The folder that holds the repository. Keep it on another disk than the data, better on another
    # machine; 'lifeboat init' makes it.
    repository: /var/backups/lifeboat

    # Where the passphrase is read from: exactly one of these.
    key:
      passphrase-file: /etc/lifeboat/passphrase      # first line, mode 0600
      # passphrase-command: [pass, show, lifeboat]   # a program and its arguments; no shell
      # systemd-credential: passphrase               # LoadCredential=passphrase:… in the unit
      # file-descriptor: 3                           # left open by the parent process
      # recovery-key-file: /media/usb/recovery-key   # what 'lifeboat init' printed

    # PostgreSQL databases, each under a name of your choice. Make the role with Config/roles.sql.
    databases:
      app:
        # A libpq URI or keyword string. For a password, name a file that holds it
        # (?passfile=/etc/lifeboat/pgpass) or a service of pg_service.conf (service=NAME).
        connection: postgresql://lifeboat@/app?host=/run/postgresql
        # Columns whose values are paths of media files, as Django's FileField stores them. Each
        # reference must find its file. 'lifeboat discover --django manage.py' lists them for you.
        file-references:
          - blog_article.cover
          - public.account.avatar
        media: uploads               # where the references resolve; the default is the only source
        # exclude-tables: [django_session]   # rows left out; the snapshot says so

    # Directories of files, each under a name of your choice.
    media:
      uploads:
        path: /srv/app/media
        exclude: ["*.tmp", "/cache/"]   # as in .gitignore; always in quotes
        exclude-larger-than: 20G        # longer files are left out, and the snapshot says so
        ignore-files: true              # .lifeboatignore files in the tree count, if only root or the
                                        # user who backs up may write them
        one-file-system: true           # leave out what is mounted beneath

    backup:
      connections: 2        # at once to one server; more is faster and less kind
      tags: [production]
      lock-timeout: 60s     # give up rather than wait longer behind a schema change

    # What 'forget' keeps. A snapshot that any rule keeps is kept.
    retention:
      keep-within: 48h
      keep-daily: 7
      keep-weekly: 5
      keep-monthly: 12
      # keep-last: 3
      # keep-hourly: 24
      # keep-yearly: 5
      # keep-tags: [release]

    # A drill restores a snapshot, compares it with what was backed up, and times it.
    drill:
      scratch: private      # a server of its own, removed afterwards; or postgresql://… of a spare one
      rpo: 26h              # older data than this fails the drill
      rto: 1h               # a slower restore than this fails it

    # When 'lifeboat run' starts each job: minute, hour, day of month, month, weekday; or @daily and its
    # kind. Without this section use the timers in Config/systemd instead; never both.
    schedule:
      backup: { cron: "15 * * * *", jitter: 5m, catch-up: true }
      check: { cron: "30 4 * * 0", read-data: true }
      drill: { cron: "0 5 * * 1", jitter: 30m }
      forget: { cron: "45 3 * * *", prune: true }

    time-zone: local        # or UTC, or a name such as Europe/Berlin

    log:
      format: text          # or json
      level: info           # error, warning, info or debug

    """#
}
