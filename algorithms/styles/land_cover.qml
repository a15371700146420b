<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis styleCategories="Symbology|Labeling" version="3.22.16-Białowieża">
  <pipe-data-defined-properties>
    <Option type="Map">
      <Option name="name" value="" type="QString"/>
      <Option name="properties"/>
      <Option name="type" value="collection" type="QString"/>
    </Option>
  </pipe-data-defined-properties>
  <pipe>
    <provider>
      <resampling zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2" enabled="false"/>
    </provider>
    <rasterrenderer alphaBand="-1" type="paletted" opacity="1" band="1" nodataColor="">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
        <cumulativeCutLower>0.02</cumulativeCutLower>
        <cumulativeCutUpper>0.98</cumulativeCutUpper>
        <stdDevFactor>2</stdDevFactor>
      </minMaxOrigin>
      <colorPalette>
        <paletteEntry value="1" alpha="255" color="#efe08a" label="cropland"/>
        <paletteEntry value="2" alpha="255" color="#2e7d46" label="forest"/>
        <paletteEntry value="3" alpha="255" color="#8aa866" label="shrub"/>
        <paletteEntry value="4" alpha="255" color="#bcd67c" label="grassland"/>
        <paletteEntry value="5" alpha="255" color="#4a90c8" label="water"/>
        <paletteEntry value="6" alpha="255" color="#f4f7fa" label="snow and ice"/>
        <paletteEntry value="7" alpha="255" color="#c9b49a" label="barren"/>
        <paletteEntry value="8" alpha="255" color="#c0504d" label="impervious"/>
        <paletteEntry value="9" alpha="255" color="#6fb8b0" label="wetland"/>
        <paletteEntry value="11" alpha="255" color="#4d4d4d" label="open pit"/>
        <paletteEntry value="12" alpha="255" color="#7d6b5d" label="mine dump"/>
        <paletteEntry value="13" alpha="255" color="#a08a78" label="mine subsidence"/>
        <paletteEntry value="14" alpha="255" color="#8b5a8c" label="mine plant"/>
        <paletteEntry value="15" alpha="255" color="#9bc27e" label="restored mine"/>
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast contrast="0" brightness="0" gamma="1"/>
    <huesaturation colorizeRed="255" colorizeStrength="100" colorizeOn="0" grayscaleMode="0" colorizeGreen="128" invertColors="0" saturation="0" colorizeBlue="128"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
