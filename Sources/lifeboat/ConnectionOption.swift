// Connections as the command line gives them: where every user of the machine can read them.

import Configuration
import Postgres

enum ConnectionOption {
  /// The target that `text` names; says so if it holds a password.
  ///
  /// A password on the command line is the one secret that we cannot keep. It is not refused,
  /// because libpq takes it, but not passed over in silence either.
  static func target(_ text: String, of option: String, _ session: Session) throws
    -> ConnectionTarget
  {
    let target = try ConnectionTarget(text)
    if ConnectionText.holdsSecret(text) {
      session.messages.warning(
        """
        the connection of \(option) holds a password, which every user of this machine can see
        hint: put it into ~/.pgpass, a service file, or the file that PGPASSFILE names
        """)
    }
    return target
  }
}
