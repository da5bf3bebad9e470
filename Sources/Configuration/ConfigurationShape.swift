// The vocabulary in which the shape of a configuration file is described.

/// What a value of the file may be; the parser checks it and the JSON schema is written from it.
indirect enum ConfigurationShape: Sendable {
  case text(TextKind)
  case integer(ClosedRange<Int>)
  case boolean
  case choice([String])
  case list(ConfigurationShape)
  /// A mapping with fixed keys.
  case section(Section)
  /// A mapping whose keys are names that the operator chose, each for one thing of a kind.
  case named(thing: String, ConfigurationShape)

  /// A mapping with fixed keys.
  struct Section: Sendable {
    /// How many of the keys must be there, beside those that are required.
    enum Rule: Sendable { case any, atLeastOne, exactlyOne }

    /// What the section describes, as in "a media source has no key 'pth'".
    var thing: String
    var rule = Rule.any
    var keys: [Key]
  }

  /// One key of a section.
  struct Key: Sendable {
    var name: String
    var shape: ConfigurationShape
    var isRequired = false
    /// One sentence for an operator; the schema shows it in editors.
    var summary: String

    init(_ name: String, _ shape: ConfigurationShape, required: Bool = false, _ summary: String) {
      self.name = name
      self.shape = shape
      isRequired = required
      self.summary = summary
    }
  }
}

/// The kinds of text that the file holds, each with its notation.
enum TextKind: Sendable, CaseIterable {
  case repository, path, duration, cron, connection, scratch, credential, argument, tag, column
  case table, exclude, byteCount, timeZone, mediaName

  /// The notation as a regular expression over the whole text, in the syntax that Swift and
  /// ECMA 262 share; the schema carries it too.
  var pattern: String {
    // A part of a table's name: bare, or in double quotes that are doubled to stand for themselves.
    let part = #"([^\s".]+|"([^"]|"")+")"#
    return switch self {
    case .repository: #"/[^\u0000]+"#
    case .path: #"/[^\u0000]*"#
    case .duration: DurationText.pattern
    case .cron: #"\s*(@[A-Za-z]+|\S+(\s+\S+){4})\s*"#
    case .connection: #"(postgres|postgresql)://[^\u0000]*|[^\u0000]*=[^\u0000]*"#
    case .scratch: #"private|(postgres|postgresql)://[^\u0000]*|[^\u0000]*=[^\u0000]*"#
    case .credential: #"[A-Za-z0-9._-]{1,255}"#
    case .argument: #"[^\u0000]+"#
    case .tag: #"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}"#
    case .column: #"(\#(part)\.)?\#(part)\.\#(part)"#
    case .table: #"(\#(part)\.)?\#(part)"#
    case .exclude: #"[^\u0000\n\r]+"#
    case .byteCount: ByteCountText.pattern
    case .timeZone: #"[A-Za-z0-9_+/-]{1,64}"#
    case .mediaName: Self.namePattern
    }
  }

  /// The notation of a source's name.
  static let namePattern = "[A-Za-z0-9._-]{1,64}"

  /// What is expected, for a message.
  var expects: String {
    switch self {
    case .repository, .path: "an absolute path"
    case .duration: "a span of time such as 90s, 15m, 26h, 7d or 4w"
    case .cron: "a cron expression such as '15 3 * * *' or @daily"
    case .connection: "a connection URI or keyword string"
    case .scratch: "'private', or the connection URI or keyword string of a server"
    case .credential: "a credential's name of letters, digits, '.', '_' and '-'"
    case .argument: "text"
    case .tag: "a tag of at most 64 letters, digits and ._:@/+-"
    case .column: "table.column or schema.table.column"
    case .table: "table or schema.table"
    case .exclude: "a pattern such as \"*.tmp\" or \"/cache/\""
    case .byteCount: "a byte count such as 512K, 100M or 2G"
    case .timeZone: "'local', 'UTC' or a zone such as Europe/Berlin"
    case .mediaName: "the name of a media source"
    }
  }

  /// Whether the text may hold a secret, so that no message quotes it.
  var isSensitive: Bool {
    switch self {
    case .connection, .scratch, .argument, .repository: true
    default: false
    }
  }

  /// Whether the whole of `text` is in the notation.
  func accepts(_ text: String) -> Bool { Self.matches(text, pattern) }

  /// Whether `text` can name a source.
  static func isName(_ text: String) -> Bool { matches(text, namePattern) }

  private static func matches(_ text: String, _ pattern: String) -> Bool {
    // Scalars, as in ECMA 262; by characters, "\r\n" would be one that `[^\r]` does not exclude.
    guard let regex = try? Regex(pattern).matchingSemantics(.unicodeScalar) else { return false }
    return text.wholeMatch(of: regex) != nil
  }
}
