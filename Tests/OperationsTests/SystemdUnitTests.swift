// The systemd units in Config: what they run exists, what they promise is there, no key is misspelt.

import Configuration
import Foundation
import Testing

/// A unit file as its sections and settings.
struct Unit: Sendable {
  var name: String
  var settings: [(section: String, key: String, value: String)] = []

  /// Reads a file of `Config/systemd`; fails the test at a line that is none of a unit's.
  init(_ name: String) throws {
    self.name = name
    let file = configFolder.appending(path: "systemd/\(name)")
    var section = ""
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      if line.hasPrefix("#") { continue }
      if let match = line.wholeMatch(of: /\[([A-Za-z]+)\]/) {
        section = String(match.1)
        continue
      }
      let match = try #require(line.wholeMatch(of: /([A-Za-z]+)=(.*)/), "\(name): \(line)")
      settings.append((section, String(match.1), String(match.2)))
    }
  }

  func values(_ key: String) -> [String] { settings.filter { $0.key == key }.map(\.value) }
}

@Suite struct `The systemd units` {
  static let services = [
    "lifeboat.service", "lifeboat-backup.service", "lifeboat-check.service",
    "lifeboat-drill.service", "lifeboat-forget.service",
  ]
  static let timers = [
    "lifeboat-backup.timer", "lifeboat-check.timer", "lifeboat-drill.timer",
    "lifeboat-forget.timer",
  ]

  /// The subcommands that units may call, with the options that each has.
  static let commands: [String: Set<String>] = [
    "backup": ["--config"], "check": ["--config", "--read-data"], "drill": ["--config"],
    "forget": ["--config", "--prune"], "run": ["--config"], "config check": ["--config"],
  ]

  /// Every setting in use, from systemd.unit(5), .service(5), .exec(5), .kill(5), .timer(5) and
  /// .resource-control(5) of systemd 252: systemd ignores a misspelt one with a mere warning.
  static let keys: [String: Set<String>] = [
    "Unit": ["Description", "Documentation", "Wants", "After"],
    "Service": [
      "Type", "User", "Group", "ExecStart", "ExecStartPre", "ExecReload", "Restart", "RestartSec",
      "RestartPreventExitStatus", "LoadCredential", "Environment", "KillMode", "TimeoutStopSec",
      "AmbientCapabilities", "CapabilityBoundingSet", "NoNewPrivileges", "ProtectSystem",
      "ReadWritePaths", "StateDirectory", "StateDirectoryMode", "CacheDirectory",
      "CacheDirectoryMode", "PrivateTmp", "PrivateDevices", "PrivateIPC", "ProtectHome",
      "ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs",
      "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "RestrictNamespaces",
      "RestrictRealtime", "RestrictSUIDSGID", "RestrictAddressFamilies", "LockPersonality",
      "MemoryDenyWriteExecute", "SystemCallArchitectures", "SystemCallFilter",
      "SystemCallErrorNumber", "UMask", "LimitCORE", "LimitMEMLOCK", "Nice", "IOSchedulingClass",
      "MemoryMax",
    ],
    "Timer": ["OnCalendar", "RandomizedDelaySec", "Persistent"],
    "Install": ["WantedBy"],
  ]

  @Test func `are all of the folder, beside the user they run as`() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: configFolder.appending(path: "systemd").path())
    #expect(Set(files) == Set(Self.services + Self.timers + ["lifeboat.sysusers"]))
  }

  @Test(arguments: services + timers)
  func `use settings that systemd knows, each in its section`(name: String) throws {
    let unit = try Unit(name)
    #expect(!unit.settings.isEmpty)
    for setting in unit.settings {
      let known = Self.keys[setting.section] ?? []
      #expect(known.contains(setting.key), "[\(setting.section)] \(setting.key)=")
    }
  }

  @Test(arguments: services)
  func `call subcommands and options that exist, on the one configuration file`(
    name: String
  ) throws {
    let unit = try Unit(name)
    let calls = unit.values("ExecStart") + unit.values("ExecStartPre")
    #expect(!calls.isEmpty)
    for call in calls {
      var words = call.split(separator: " ").map(String.init)
      #expect(words.removeFirst() == "/usr/local/bin/lifeboat")
      let split = try #require(words.firstIndex { $0.hasPrefix("-") })
      let options = try #require(Self.commands[words[..<split].joined(separator: " ")])
      let given = words[split...].filter { $0.hasPrefix("-") }
      #expect(options.isSuperset(of: given))
      #expect(words.suffix(2) == ["--config", "/etc/lifeboat/lifeboat.yaml"])
    }
    if name != "lifeboat.service" {
      let job = try #require(name.wholeMatch(of: /lifeboat-([a-z]+)\.service/)).1
      #expect(JobKind(rawValue: String(job)) != nil)
      #expect(calls.count == 1)
      #expect(calls[0].hasPrefix("/usr/local/bin/lifeboat \(job) "))
    }
  }

  @Test(arguments: services)
  func `confine what they run`(name: String) throws {
    let unit = try Unit(name)
    let required = [
      "User": "lifeboat", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
      "PrivateTmp": "yes", "PrivateDevices": "yes", "KillMode": "mixed", "UMask": "0077",
      "LimitCORE": "0", "IOSchedulingClass": "idle", "SystemCallFilter": "@system-service",
      "LoadCredential": "passphrase:/etc/lifeboat/passphrase",
      "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes",
    ]
    for (key, value) in required { #expect(unit.values(key) == [value], "\(key)=") }
    for key in ["MemoryMax", "Nice", "TimeoutStopSec", "ReadWritePaths"] {
      #expect(unit.values(key).count == 1, "\(key)=")
    }
    // The repository of the example must be writable, or the first backup fails.
    let repository = try Configuration.parse(ConfigurationExample.text).repository
    #expect(unit.values("ReadWritePaths") == [try #require(repository)])
  }

  @Test func `let only those read every file that back up media`() throws {
    for name in Self.services {
      let capability = try Unit(name).values("CapabilityBoundingSet")
      let reads = ["lifeboat.service", "lifeboat-backup.service"].contains(name)
      #expect(capability == [reads ? "CAP_DAC_READ_SEARCH" : ""])
      #expect(try Unit(name).values("AmbientCapabilities") == (reads ? capability : []))
    }
  }

  @Test(arguments: timers)
  func `have a timer for each job, which makes up for missed times and spreads hosts`(
    name: String
  ) throws {
    let unit = try Unit(name)
    #expect(Self.services.contains(name.replacing(".timer", with: ".service")))
    #expect(unit.values("OnCalendar").count == 1)
    #expect(unit.values("Persistent") == ["yes"])
    #expect(unit.values("RandomizedDelaySec").count == 1)
    #expect(unit.values("WantedBy") == ["timers.target"])
  }
}
