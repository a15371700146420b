"""Runs the bundled models with qgis_process and shows their results; started by scripts/demo.

demo.py [study ...]        all studies, or those named (mining_city, zion)

Which layer belongs to which group, and how it looks, is read from the models: a model's output
comes from a child, the child is an algorithm of ours, and that has a group and styles.
"""

import shutil
import sys
import time

from demo_maps import add_map, export, stages_of
from demo_page import figures, page, print_table, summary, times
from demo_project import add_study
from demo_runs import model_outputs, register_plugin, run_model, run_step, step_outputs
from demo_studies import OUTPUT, STUDIES
from qgis.core import QgsApplication, QgsProject, QgsReferencedRectangle, QgsSettings


def check_project(path):
    """Open the project as a user would, and refuse to be content with a broken layer."""
    project = QgsProject()
    if not project.read(str(path)):
        sys.exit(f"{path} does not open.")
    broken = [layer.name() for layer in project.mapLayers().values() if not layer.isValid()]
    if broken:
        sys.exit(f"{path} opens with broken layers: {', '.join(broken)}.")


def clear(studies):
    """Remove what an earlier demo left, and nothing else."""
    for folder in [study.folder for study in studies] + [OUTPUT / "maps"]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in [study.project for study in studies] + [OUTPUT / "index.html"]:
        path.unlink(missing_ok=True)


def main(names):
    started = time.monotonic()
    unknown = set(names) - {study.name for study in STUDIES}
    if unknown:
        sys.exit(
            f"No study is called {', '.join(sorted(unknown))}; there are {', '.join(study.name for study in STUDIES)}."
        )
    studies = [study for study in STUDIES if not names or study.name in names]
    application = QgsApplication([], False)
    application.initQgis()
    QgsSettings().setValue("/qgis/walForSqlite3", False)  # as scripts/demo does for qgis_process
    register_plugin()
    clear(studies)
    (OUTPUT / "maps").mkdir(parents=True)
    project = QgsProject.instance()
    told, reports, maps = {}, {}, {}
    for study in studies:
        print(f"{study.title}: econet:{study.model}", flush=True)
        outputs = model_outputs(study)
        run = run_model(study, outputs)
        project.clear()
        project.setTitle(f"EcoNet: {study.title}")
        for step in study.steps:
            made = step_outputs(study, step)
            told_by = run_step(study, step, made, outputs)
            print(f"  then  {step.algorithm}", flush=True)
            run.steps.append((step.algorithm, told_by.seconds))
            run.results.update(told_by.results)
            outputs += made
        layers = add_study(project, study, outputs)
        open_on(project, layers["resistancesurface", "OUTPUT"])
        maps[study.name] = stages_of(layers)
        for stage in maps[study.name]:
            layout = add_map(project, study, layers, stage)
            export(layout, OUTPUT / "maps" / f"{study.name}_{stage}.png")
        told[study.name] = summary(layers, run), run
        reports[study.name] = [(output.title, output.path) for output in outputs if output.path.suffix == ".html"]
        project.write(str(study.project))
        check_project(study.project)
    (OUTPUT / "index.html").write_text(page(told, reports, maps), encoding="utf-8")
    print_table(figures(told) + times(told))
    print(
        f"demo-output/index.html shows the maps, {', '.join(f'demo-output/{s.project.name}' for s in studies)} "
        f"hold the layers ({time.monotonic() - started:.0f} s)."
    )
    project.clear()
    application.exitQgis()


def open_on(project, layer):
    """A project opens on its landscape, in the landscape's own CRS."""
    project.setCrs(layer.crs())
    project.viewSettings().setDefaultViewExtent(QgsReferencedRectangle(layer.extent(), layer.crs()))


if __name__ == "__main__":
    main(sys.argv[1:])
