"""Render farms: what a task finds in its environment, and the form in which a job takes a carrier.

    import clientobs
    from clientobs.farms import openjd

    openjd.job_parameters(clientobs.carrier())

`variables` is the one table of what the farms tell their tasks. The other modules, one per farm, turn what
`clientobs.carrier()` returns into what that farm's job description has a place for. They are plain functions of
mappings and strings: they load nothing of a farm's, and work where clientobs is off (an empty carrier gives
an empty piece of a job).
"""
