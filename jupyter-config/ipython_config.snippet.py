# Loads sandbox_magic in every notebook and every terminal IPython of this user.
# Put these lines at the end of  ~/.ipython/profile_default/ipython_config.py  (`ipython profile create` makes it).
# They add to the extensions listed above them and replace none.
import sandbox_magic  # noqa: F401 - here and now: later a sandbox_magic.py in the notebook's folder would come first

c = get_config()
c.InteractiveShellApp.extensions.append("sandbox_magic")
