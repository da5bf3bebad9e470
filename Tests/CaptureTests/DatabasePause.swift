// Owns the short sleep of tests that poll a server.

import Foundation

/// Sleeps for 10 ms.
func pause() { Thread.sleep(forTimeInterval: 0.01) }
