// Reads a configuration from a file or from text: bytes, then tree, then form, then meaning.

package import Foundation

extension Configuration {
  /// A file longer than this is refused unread: no configuration is.
  package static let byteLimit = 1 << 20

  /// Reads the file at `path`.
  ///
  /// Reads at most ``byteLimit`` bytes, from a pipe too. Changes nothing.
  /// - Throws: ``ConfigurationError`` with every finding, when there is an error among them; mere
  ///   warnings are in ``warnings``.
  package static func load(_ path: String) throws(ConfigurationError) -> Configuration {
    let bytes: Data
    do {
      bytes = try read(path)
    } catch {
      throw unreadable(path, error)
    }
    return try parse(bytes, file: path)
  }

  /// Reads a configuration from text.
  ///
  /// - Throws: ``ConfigurationError``, as ``load(_:)`` does.
  package static func parse(_ text: String) throws(ConfigurationError) -> Configuration {
    try parse(Data(text.utf8), file: "")
  }

  /// Reads a configuration from bytes; `file` is how errors name them.
  ///
  /// - Throws: ``ConfigurationError``, as ``load(_:)`` does.
  package static func parse(
    _ bytes: Data, file: String
  ) throws(ConfigurationError) -> Configuration {
    let what = file.isEmpty ? "cannot use this configuration" : "cannot use configuration \(file)"
    guard bytes.count <= byteLimit else {
      throw ConfigurationError(
        code: .tooLarge, file: file, what: what, why: "it is longer than \(byteLimit) bytes",
        next: "name the YAML file; 'lifeboat config example' prints one")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError(
        code: .notText, file: file, what: what, why: notTextReason(bytes),
        next: "save it as UTF-8")
    }
    let document = ConfigurationDocument(text)
    let form = ShapeValidator.findings(in: document.root, text: text, after: document.findings)
    let reader = document.root.map { ConfigurationReader($0) }
    let findings = (document.findings + form + (reader?.findings ?? []))
      .sorted { $0.position < $1.position }
    let errorCount = findings.count { $0.severity == .error }
    guard errorCount == 0, var configuration = reader?.configuration else {
      let isSyntax = document.root == nil && !document.findings.isEmpty
      throw ConfigurationError(
        code: isSyntax ? .syntax : .invalid, file: file, what: what,
        why: "it has \(errorCount) error\(errorCount == 1 ? "" : "s")",
        next: "correct \(errorCount == 1 ? "it" : "them"), then run 'lifeboat config check'",
        diagnostics: findings)
    }
    configuration.warnings = findings
    return configuration
  }

  private static func notTextReason(_ bytes: Data) -> String {
    let isUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
    return isUTF16 ? "it is UTF-16, not UTF-8" : "it is not UTF-8 text"
  }

  /// Reads one byte past the limit, so that the caller can tell a file that is too long.
  private static func read(_ path: String) throws -> Data {
    let handle = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? handle.close() }  // opened for reading: nothing can be lost
    var bytes = Data()
    while bytes.count <= byteLimit,
      let more = try handle.read(upToCount: byteLimit + 1 - bytes.count), !more.isEmpty
    {
      bytes.append(more)
    }
    return bytes
  }

  private static func unreadable(_ path: String, _ error: any Error) -> ConfigurationError {
    let what = "cannot read configuration \(path)"
    guard FileManager.default.fileExists(atPath: path) else {
      return ConfigurationError(
        code: .missing, file: path, what: what, why: "there is no such file",
        next: "write one with 'lifeboat config example > \(path)', then edit it")
    }
    var isFolder = false
    if let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] {
      isFolder = type as? FileAttributeType == .typeDirectory
    }
    return ConfigurationError(
      code: .unreadable, file: path, what: what,
      why: isFolder ? "it is a directory" : reason(error),
      next: isFolder
        ? "name the file in it, such as \(path)/lifeboat.yaml"
        : "let the user that runs lifeboat read it and the folders above it")
  }

  private static func reason(_ error: any Error) -> String {
    switch (error as? CocoaError)?.code {
    case .some(.fileReadNoPermission): "permission denied"
    default: "the system says: \((error as NSError).localizedDescription)"
    }
  }
}

extension ShapeValidator {
  /// The findings about the form of a whole file; an empty one has none but that it is empty.
  static func findings(
    in root: ConfigurationNode?, text: String, after earlier: [ConfigurationDiagnostic]
  ) -> [ConfigurationDiagnostic] {
    var validator = ShapeValidator()
    if let root {
      validator.check(root, ConfigurationLayout.root, path: "")
    } else if earlier.isEmpty {
      let start = ConfigurationDiagnostic.Position(line: 1, column: 1)
      let nothing = ConfigurationNode(content: .scalar("", .null), position: start)
      validator.check(nothing, ConfigurationLayout.root, path: "")
    }
    return validator.findings
  }
}
