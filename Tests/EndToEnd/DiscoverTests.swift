// A real Django project, read through its own interpreter.

import Foundation
import TestSupport
import Testing

extension `The program` {
  @Suite struct `reads a Django project:` {
    /// Makes a project with Django itself: two apps, file fields in both.
    private func makeProject(_ stage: Stage) throws -> (manage: String, python: String) {
      let python = try PythonEnvironment.python.get()
      for words in [
        [python, "-m", "django", "startproject", "site_of_test", stage.path],
        [python, "\(stage.path)/manage.py", "startapp", "blog"],
        [python, "\(stage.path)/manage.py", "startapp", "accounts"],
      ] {
        let ending = try Child(
          words[0], Array(words.dropFirst()), environment: stage.environment(["TMPDIR": "/tmp"]),
          directory: stage.path
        ).finish()
        guard ending.status == 0 else {
          throw Unexpected("cannot make a Django project: \(ending.command)\n\(ending.errors)")
        }
      }
      try stage.write(
        """
        from django.db import models
        class Article(models.Model):
            title = models.CharField(max_length=100)
            cover = models.FileField(upload_to="covers")
            scan = models.FileField(upload_to="scans", db_column="scanned_file")
        class ArticleProxy(Article):
            class Meta:
                proxy = True
        """, to: "blog/models.py")
      try stage.write(
        """
        from django.core.files.storage import FileSystemStorage
        from django.db import models
        class Profile(models.Model):
            avatar = models.FileField()
            elsewhere = models.FileField(storage=FileSystemStorage(location="/srv/elsewhere"))
            class Meta:
                db_table = "people"
        """, to: "accounts/models.py")
      let settings = "\(stage.path)/site_of_test/settings.py"
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: settings))
      try handle.seekToEnd()
      try handle.write(
        contentsOf: Data(
          """

          INSTALLED_APPS += ["blog", "accounts"]
          MEDIA_ROOT = BASE_DIR / "media"
          DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "o'site",
            "USER": "django", "PASSWORD": "hunter-two", "HOST": "/run/postgresql"}}

          """.utf8))
      try handle.close()
      return ("\(stage.path)/manage.py", python)
    }

    @Test func `finds its database, media and file fields, and prints a valid configuration`()
      throws
    {
      let stage = try Stage(initialise: false)
      let (manage, python) = try makeProject(stage)
      let found = try stage.lifeboat("discover", "--django", manage, "--python", python, "--json")
        .expect(0)
      let project = try found.json()
      try project.expectDocumented("discover")
      #expect(project["mediaRoot"].text == "\(stage.path)/media")
      #expect(project["databases"][0]["alias"].text == "default")
      #expect(project["databases"][0]["hasPassword"] == .bool(true))
      let columns = project["fileFields"].items.map {
        "\($0["table"].text ?? "?").\($0["column"].text ?? "?")"
      }
      #expect(
        Set(columns) == ["blog_article.cover", "blog_article.scanned_file", "people.avatar"])
      #expect(project["notes"].items.contains { $0.text?.contains("/srv/elsewhere") == true })

      let printed = try stage.lifeboat("discover", "--django", manage, "--python", python).expect(0)
      for words in ["blog_article.cover", "blog_article.scanned_file", "people.avatar"] {
        #expect(printed.text.contains(words))
      }
      #expect(printed.errors.contains("/srv/elsewhere"))
      for said in [found.text, found.errors, printed.text, printed.errors] {
        #expect(!said.contains("hunter-two"), "a password was printed")
      }
      let file = try stage.write(printed.text, to: "lifeboat.yaml")
      let check = try stage.lifeboat("config", "check", file).expect(0)
      #expect(check.text.contains("is valid: 1 databases, 1 media directories, 3 scheduled jobs"))
      #expect(check.errors.isEmpty, "\(check.errors)")
    }

    @Test func `says what is missing when there is no project, or no Django`() throws {
      let stage = try Stage(initialise: false)
      try stage.refused(
        "discover", "--django", "/nonexistent/manage.py", status: 64,
        saying: ["/nonexistent/manage.py", "manage.py"])
      let manage = try stage.write("import no_such_module\n", to: "manage.py")
      try stage.refused(
        "discover", "--django", manage, status: 64, saying: ["no_such_module", "--python"])
    }
  }
}
