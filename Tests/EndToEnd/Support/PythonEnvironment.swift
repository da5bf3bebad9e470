// An environment of Python packages, made once for the tests that need packages of others.

import Foundation
import Glibc

/// The interpreter of a virtual environment; how the index is reached is the caller's environment's business.
enum PythonEnvironment {
  private static let folder = FileManager.default.temporaryDirectory.appending(
    path: "lifeboat-test-python-\(UUID().uuidString)")

  /// Its interpreter; installs from the package index the first time, some seconds.
  static let python: Result<String, any Error> = Result {
    atexit { removePythonEnvironment() }
    let python = folder.appending(path: "bin/python").path
    for words in [
      ["/usr/bin/env", "python3", "-m", "venv", folder.path],
      [
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "django",
        "psycopg[binary]", "pynacl", "zstandard",
      ],
    ] {
      let ending = try Child(
        words[0], Array(words.dropFirst()),
        environment: ProcessInfo.processInfo.environment.merging([
          "PATH": "/usr/local/bin:/usr/bin:/bin"
        ]) { $1 }
      ).finish()
      guard ending.status == 0 else {
        throw Unexpected(
          "cannot make a Python environment (the Debian package python3-venv and the package index are needed): \(ending.command)\n\(ending.errors)"
        )
      }
    }
    return python
  }

  static func remove() { try? FileManager.default.removeItem(at: folder) }
}

private func removePythonEnvironment() { PythonEnvironment.remove() }
